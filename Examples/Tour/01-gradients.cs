// Tensors and gradients: a function, its derivative, and the graph that was made on the way.
//   dotnet run Examples/Tour/01-gradients.cs
#:project ../../Core/MiniDL.Core.csproj

using MiniDL;

var x = Tensor.From([-1f, 0.5f, 2f], [3]);
x.RequiresGrad = true;

// f(x) = Σ x³ + 2x, so df/dx = 3x² + 2.
var f = (x.Pow(3) + x * 2).Sum();
f.Backward();
Console.WriteLine($"f(x)  = {f.Item()}");
Console.WriteLine($"df/dx = [{string.Join(", ", x.Grad!.ToArray())}], by hand [5, 2.75, 14]");

// Every result remembers the operator that made it, and every operator its inputs: that is the whole graph.
var g = (x.Pow(3) + x * 2).Sum();
Print(g, 0);

// The same check that MiniDL's own operators go through, in double precision, for a function of yours.
Console.WriteLine(GradCheck.Run(inputs => inputs[0].Pow(3) + inputs[0] * 2, [x]));

static void Print(Tensor tensor, int depth)
{
    Console.WriteLine($"{new string(' ', 2 * depth)}{tensor.Description}");
    if (tensor.Producer is not null)
        foreach (var input in tensor.Producer.Inputs)
            if (input is not null) Print(input, depth + 1);
}
