// A complete autograd engine for single numbers, in sixty lines, beside the real one.
//   dotnet run Examples/Tour/03-scalar-engine.cs
// In the spirit of Karpathy's micrograd. The real engine's counterparts: Core/Autograd/Operator.cs, Core/Autograd/BackwardPass.cs.
#:project ../../Core/MiniDL.Core.csproj

using MiniDL;

// f = tanh(a·b + c) · a: five operands, but a is used twice. First the small engine, then the real one in the same double precision.
var (a, b, c) = (new Value(0.5, "a"), new Value(-2, "b"), new Value(1.5, "c"));
var p = (a * b).Named("p");
var q = (p + c).Named("q");
var r = q.Tanh().Named("r");
var f = (r * a).Named("f");
Console.WriteLine("1. The small engine goes backward: slope * own gradient");
f.Backward();

Console.WriteLine("\n2. So does the real one");
Tensor Leaf(double value)
{
    var x = Tensor.Scalar(value, Device.Reference);
    x.RequiresGrad = true;
    return x;
}
var (ta, tb, tc) = (Leaf(0.5), Leaf(-2), Leaf(1.5));
var tp = ta * tb;
var tq = tp + tc;
var tr = tq.Tanh();
var tf = tr * ta;
// Gradients of results are passed on and then dropped, to save memory, unless they are asked for. A hook sees each one as it is complete.
(string Name, Value Small, Tensor Real)[] all =
    [("f", f, tf), ("r", r, tr), ("q", q, tq), ("p", p, tp), ("a", a, ta), ("b", b, tb), ("c", c, tc)];
foreach (var (name, _, real) in all)
{
    if (real.Producer is not null) real.RetainGrad();
    real.OnGradient(gradient =>
    {
        Console.WriteLine($"{name} has its whole gradient, {gradient.Item():G6}");
        return null;
    });
}
tf.Backward();
// The order is the same: what was computed last comes first. Leaves are handed theirs at the end: only then is a's sum certainly complete.

Console.WriteLine("\n3. Side by side");
Console.WriteLine("     value                   gradient of f");
Console.WriteLine("     small       real        small       real");
foreach (var (name, small, real) in all)
    Console.WriteLine($"{name}    {small.Data,-12:G6}{Number(real),-12:G6}{small.Grad,-12:G6}{Number(real.Grad!),-12:G6}");
double most = all.Max(x => Math.Max(Math.Abs(x.Small.Data - Number(x.Real)), Math.Abs(x.Small.Grad - Number(x.Real.Grad!))));
Console.WriteLine(most <= 1e-14 ? "all equal within 1e-14" : $"they differ by up to {most}");

static double Number(Tensor x) => x.ToArray<double>()[0];

/// <summary>A number that remembers what it was computed from, and by how much it would change with each of them.</summary>
internal sealed class Value(double data, string name = "", params (Value Input, double Slope)[] edges)
{
    private static int _count;

    // Whatever was made later has a larger number: descending, a node comes after everything that used it. That is all the sorting needed.
    private readonly int _order = _count++;
    private string _name = name;

    public double Data => data;

    public double Grad { get; private set; }

    public Value Named(string name)
    {
        _name = name;
        return this;
    }

    // Each operator gives its result and the slope toward each operand. Everything else is the same for all of them.
    public static Value operator +(Value x, Value y) => new(x.Data + y.Data, "", (x, 1), (y, 1));

    public static Value operator *(Value x, Value y) => new(x.Data * y.Data, "", (x, y.Data), (y, x.Data));

    public Value Tanh()
    {
        double y = Math.Tanh(Data);
        return new(y, "", (this, 1 - y * y));
    }

    public void Backward()
    {
        Grad = 1;                                                       // the slope of f in itself
        foreach (var node in Ancestors([]).OrderByDescending(node => node._order))
            foreach (var (input, slope) in node.Edges)
            {
                input.Grad += slope * node.Grad;                        // the chain rule, and += because paths add up
                Console.WriteLine($"{node._name} passes {slope:G6} * {node.Grad:G6} to {input._name}, whose sum is now {input.Grad:G6}");
            }
    }

    private (Value Input, double Slope)[] Edges => edges;

    /// <summary>This value and all that it was computed from, each once, whatever the number of paths to it.</summary>
    private HashSet<Value> Ancestors(HashSet<Value> seen)
    {
        if (seen.Add(this))
            foreach (var (input, _) in edges) input.Ancestors(seen);
        return seen;
    }
}
