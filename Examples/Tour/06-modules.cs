// Modules: parameters with names, and ways to look into a net while it runs.
//   dotnet run Examples/Tour/06-modules.cs
#:project ../../Layers/MiniDL.Layers.csproj

using MiniDL;
using MiniDL.Layers;

Console.WriteLine("1. A module is its parameters, its children and a forward pass");
var random = new RandomStream(seed: 1);
var net = new Net(random);
Console.WriteLine(net.Summary(Tensor.Zeros([4, 2])));
// FLOPs count the matrix products. "Saved for backward" is what training needs more memory for than evaluation.

Console.WriteLine("2. Every value that a file must contain has a name");
// The path of the module, then the name within it: the same names as in PyTorch. Running statistics are state, too, but nobody learns them.
var learned = net.NamedParameters().Select(p => p.Path).ToHashSet();
foreach (var (name, value) in net.StateDict())
    Console.WriteLine($"{name,-28} {value.DType} {value.Shape,-8} {(learned.Contains(name) ? "learned" : "counted or averaged")}");

var x = Tensor.Normal([4, 2], random);
var labels = Tensor.From([0L, 1, 0, 1], [4]);

Console.WriteLine("\n3. Hooks: look, or change");
// OnForward is called with every output of a module, OnGradient with a tensor's gradient, once that is complete. A hook that returns null
// only looks; one that returns a tensor replaces what it was given. Dispose() of what you get removes the hook.
using (net.Hidden.OnForward((module, input, output) => Look($"{module} makes {output.Shape} of {input.Shape}")))
using (net.Hidden.Weight.Value.OnGradient(dw => dw * 0))               // as if the layer were frozen, but computed all the same
{
    Loss.CrossEntropy(net.Forward(x), labels).Backward();
    Console.WriteLine($"largest gradient: hidden {Largest(net.Hidden)}, out {Largest(net.Out)}");
}

Console.WriteLine("\n4. Watch: all outputs and all gradients, a line each");
// Outputs come in the order of forward, their gradients in the reverse one, as each is computed from that of the layer after it; those of
// the parameters come last.
net.ZeroGrad();
using (net.Watch(Console.Out)) Loss.CrossEntropy(net.Forward(x), labels).Backward();
// Look at the last line: the gradient of hidden.bias is 0 but for rounding. The norm subtracts the mean, and with it whatever that bias
// adds, so a bias before a norm learns nothing. 08-batch-norm.cs derives this.

Console.WriteLine("\n5. StopWhen: an error at the first output that looks wrong");
try
{
    using var alarm = net.StopWhen(output => output.Abs().Max().Item() > 100, "activations explode");
    net.Forward(x);
    Console.WriteLine("fine so far");
    net.Out.Weight.Value.MutableSpan().Fill(1000);
    net.Forward(x);
}
catch (MiniDLException e)
{
    Console.WriteLine(e.Message);
}

Console.WriteLine("\n6. Freezing: train only a part");
// The usual case: a trained net gets a new last layer. Frozen parameters get no gradient; what is only needed for them is not computed.
net.ZeroGrad();
Init.KaimingUniform(net.Out.Weight, random);
net.Freeze();
net.Out.Unfreeze();
Loss.CrossEntropy(net.Forward(x), labels).Backward();
foreach (var (path, parameter) in net.NamedParameters())
    Console.WriteLine($"{path,-28} {(parameter.Grad is null ? "no gradient" : "has a gradient")}");
// The norm's running statistics change even so: they follow the data, not the gradient. Eval() stops that.
net.Eval();
float before = net.Norm.RunningMean!.Value.Span[0];
net.Forward(x);
Console.WriteLine($"running statistics in evaluation mode: {(net.Norm.RunningMean.Value.Span[0] == before ? "unchanged" : "changed")}");

static Tensor? Look(string what)
{
    Console.WriteLine(what);
    return null;
}

static string Largest(Linear layer) => layer.Weight.Grad!.Abs().Max().Item().ToString("F4");

/// <summary>Linear, batch norm, relu, linear: 2 → 3 → 2.</summary>
internal sealed class Net : Module
{
    public Net(RandomStream random)
    {
        // Register makes a child part of this module: trained, saved, moved to a GPU with it. If you forget it, the forward pass refuses to run.
        Hidden = Register("hidden", new Linear(2, 3, random: random));
        Norm = Register("norm", new BatchNorm1d(3));
        Out = Register("out", new Linear(3, 2, random: random));
    }

    public Linear Hidden { get; }

    public BatchNorm1d Norm { get; }

    public Linear Out { get; }

    protected override Tensor ForwardCore(Tensor x) => Out.Forward(Norm.Forward(Hidden.Forward(x)).Relu());
}
