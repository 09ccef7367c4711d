// An operator of your own: forward and backward side by side, then checked against finite differences.
//   dotnet run Examples/Tour/03-own-operator.cs
#:project ../../Core/MiniDL.Core.csproj

using MiniDL;

var x = Tensor.From([-2f, -0.1f, 0.3f, 4f], [2, 2]);
x.RequiresGrad = true;
var y = new Swish(x).Run();
y.Sum().Backward();
Console.WriteLine($"swish(x)  = [{string.Join(", ", y.ToArray())}]");
Console.WriteLine($"gradient  = [{string.Join(", ", x.Grad!.ToArray())}]");
Console.WriteLine(GradCheck.Run(inputs => new Swish(inputs[0]).Run(), [x]));

/// <summary>y = x · σ(x); dx = dy · (σ + y · (1 − σ)). Ramachandran et al. 2017, "Searching for activation functions".</summary>
internal sealed class Swish(Tensor x) : Operator("swish", x)
{
    private Tensor? _sigmoid;

    protected override Tensor Forward()
    {
        _sigmoid = x.Sigmoid();
        return x * _sigmoid;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        var y = x * _sigmoid!;
        d[0] = dy * (_sigmoid! + y * (1 - _sigmoid!));
    }
}
