// Finding a NaN: the loss says "NaN", long after and far from where it began. Three tools say where, and why.
//   dotnet run Examples/Tour/14-finding-nan.cs
#:project ../../Layers/MiniDL.Layers.csproj
#:project ../../Optim/MiniDL.Optim.csproj

using MiniDL;
using MiniDL.Layers;
using MiniDL.Optim;

var random = new RandomStream(seed: 0);
var x = Tensor.Normal([64, 8], random);
long[] classes = [.. x.ToArray().Chunk(8).Select(row => (long)Array.IndexOf(row, row.Take(4).Max()))];
var labels = Tensor.From(classes, [64]);
var oneHot = Tensor.From([.. classes.SelectMany(c => Enumerable.Range(0, 4).Select(k => k == c ? 1f : 0f))], [64, 4]);

Console.WriteLine("1. What one sees: a loss that is not a number.");
Train(Softmax, learningRate: 1);

Console.WriteLine("\n2. Autograd.DetectAnomaly() stops at the first operator that gives NaN or infinity:");
using (Autograd.DetectAnomaly()) PrintError(() => Train(Softmax, learningRate: 1));
// Read it from the left. [exp] is the operator, and line 46 of this file called it. [20, 2] is the place in its result: image 20, class 2.
// Then the cause: what went in was finite, so it begins here, since e to the power of more than 88 is beyond the range of a float. Then
// what went in, with the value at that very place. Last, what to do: subtract the largest value first, as LogSoftmax does.
// Why was the loss NaN, and not infinite? Infinity divided by infinity, in the operator after this one.

Console.WriteLine("\n3. Why are the values so large? Module.StopWhen asks every module; the first that answers yes is named:");
var model = Net();
using (model.StopWhen(y => y.Abs().Max().Item() > 30, "too large")) PrintError(() => Train(Softmax, learningRate: 1, model));

Console.WriteLine("\n4. Module.Watch shows all of that step, outputs on the way forward, gradients on the way back:");
var watched = new StringWriter();
using (model.Watch(watched)) Softmax(model.Forward(x)).Backward();
foreach (string line in watched.ToString().Trim().Split('\n')) Console.WriteLine($"~  {line}");
// From layer to layer the outputs grow, to 5, 10, 37. The gradients of the weights are up to 0.05, and the weights began below 0.35. With
// a learning rate of 1, and momentum, which adds up ten steps, a few such gradients change the weights by as much as they are.

Console.WriteLine("\n5. The first fix is a loss that cannot overflow. There is no NaN any more, but the loss still leaps: the overflow was");
Console.WriteLine("   only the symptom of a step that is too long.");
Train(Stable, learningRate: 1);
Console.WriteLine("   The second fix is a shorter step:");
Train(Stable, learningRate: 0.05f);

// Cross-entropy by its formula, −log(eᶻ / Σ eᶻ) of the right class: right on paper.
Tensor Softmax(Tensor z)
{
    var exp = z.Exp();
    return -(exp / exp.Sum([1], keepDim: true) * oneHot).Sum([1]).Log().Mean();
}

// The same number, from z − max z: the largest power is then e⁰.
Tensor Stable(Tensor z) => Loss.CrossEntropy(z, labels);

Sequential Net() => new(new Linear(8, 64, random: new RandomStream(1)), new Relu(), new Linear(64, 64, random: new RandomStream(2)),
    new Relu(), new Linear(64, 4, random: new RandomStream(3)));

void Train(Func<Tensor, Tensor> lossOf, float learningRate, Module? net = null)
{
    net ??= Net();
    // A training that leaps about magnifies rounding: such losses may differ on another machine, and are marked for that.
    char mark = learningRate < 1 ? ' ' : '~';
    var sgd = new Sgd(net.Parameters(), learningRate, momentum: 0.9f);
    for (int i = 0; i < 100; i++)
    {
        using var step = Scope.Step();
        var loss = lossOf(net.Forward(x));
        if (i % 20 == 0 || !float.IsFinite(loss.Item())) Console.WriteLine($"{mark}  step {i,2}: loss {loss.Item():F2}");
        if (!float.IsFinite(loss.Item())) break;
        sgd.ZeroGrad();
        loss.Backward();
        sgd.Step();
    }
}

// Prints the error that an action ends in, wrapped at spaces.
static void PrintError(Action action)
{
    try
    {
        action();
    }
    catch (MiniDLException e)
    {
        string line = "  ";
        foreach (string word in e.Message.Split(' '))
        {
            if (line.Length + word.Length > 110)
            {
                Console.WriteLine(line);
                line = "  ";
            }
            line += $" {word}";
        }
        Console.WriteLine(line);
    }
}
