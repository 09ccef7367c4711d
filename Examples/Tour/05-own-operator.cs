// An operator of your own: first composed of others, then fused by hand, with its own gradient.
//   dotnet run Examples/Tour/05-own-operator.cs
// Lines that begin with ~ depend on the machine.
#:project ../../Core/MiniDL.Core.csproj

using System.Diagnostics;
using System.Numerics;
using MiniDL;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

// Swish, y = x · σ(x) with σ(x) = 1 / (1 + e⁻ˣ): a smooth relative of relu. Ramachandran et al. 2017, "Searching for activation functions".
// Composed, it is one line, and autograd knows its gradient. Start like this, and stop here unless a measurement says that it matters.
static Tensor Composed(Tensor x) => x * x.Sigmoid();
static Tensor Fused(Tensor x) => new Swish(x).Run();
(string Name, Func<Tensor, Tensor> Of)[] both = [("composed", Composed), ("fused", Fused)];

Console.WriteLine("1. The same values and gradients");
foreach (var (name, swish) in both)
{
    var x = Tensor.From([-2f, -0.1f, 0.3f, 4f], [2, 2]);
    x.RequiresGrad = true;
    var y = swish(x);
    y.Sum().Backward();
    Console.WriteLine($"{name,-9} y {Text(y)}, dx {Text(x.Grad!)}");
}

Console.WriteLine("\n2. Is the gradient right?");
// Finite differences in double precision, as for MiniDL's own operators: always do this for a gradient derived by hand.
var random = new RandomStream(seed: 0);
GradCheck.Run(x => Fused(x[0]), ("x", Tensor.Normal([3, 5], random))).ShouldAgreeWithin(1e-9);
Console.WriteLine("Swish agrees within 1e-9");
try
{
    GradCheck.Run(x => new Careless(x[0]).Run(), ("x", Tensor.From([1f, 2], [2]))).ShouldAgreeWithin(1e-9);
}
catch (MiniDLException e)
{
    Console.WriteLine($"Careless does not: {e.Message}");
}

Console.WriteLine("\n3. What fusing saves: memory");
var large = Tensor.Normal([1000, 1000], random);
var dy = Tensor.Ones([1000, 1000]);
large.RequiresGrad = true;
Composed(large + 1).PrintGraph();
Fused(large + 1).PrintGraph();
// Composed, x and σ(x) stay in memory from forward to backward; fused, only x, since σ is soon recomputed. In a deep net the
// saved tensors are most of the memory that training takes.

Console.WriteLine("\n4. And time");
// Most of these operators wait for memory: each reads and writes whole tensors, which do not fit into the caches. Swish does all its
// steps on a few pages before it goes on. MiniDL's operators share the work among threads, which ours does not: we compare on one.
CpuThreads.Count = 1;
var best = new Dictionary<string, double>();
for (int trial = 0; trial < 40; trial++)
    foreach (var (name, swish) in both)
    {
        using var step = Scope.Step();                      // the results' memory is used again by the next trial
        large.ZeroGrad();
        long start = Stopwatch.GetTimestamp();
        swish(large).Backward(dy);
        best[name] = Math.Min(best.GetValueOrDefault(name, double.MaxValue), Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }
foreach (var (name, milliseconds) in best) Console.WriteLine($"~ {name,-9} {milliseconds,5:F2} ms, forward and backward of a million values");

static string Text(Tensor x) => $"[{string.Join(", ", x.ToArray().Select(value => value.ToString("F4")))}]";

/// <summary>An operator is its two formulas, here in terms of other operators, with a mistake: σ is no constant.</summary>
internal sealed class Careless(Tensor x) : Operator("careless", x)
{
    protected override Tensor Forward() => x * x.Sigmoid();

    protected override void Backward(Tensor dy, Gradients d) => d[0] = dy * x.Sigmoid();
}

/// <summary>y = x · σ(x); dx = dy · σ · (1 + x · (1 − σ)), each piece by piece, for the CPU.</summary>
internal sealed class Swish(Tensor x) : Operator("swish", x)
{
    private const int Chunk = 2048;

    // Backward reads x and not y: so y need not be kept, and the engine sees to it that nobody changes x in between.
    protected override Saved BackwardReads => Saved.Input0;

    // The CPU computes in float; GradCheck in double, on the Reference device.
    protected override Tensor Forward() => x.DType == DType.F64 ? Forward<double>() : Forward<float>();

    protected override void Backward(Tensor dy, Gradients d) => d[0] = x.DType == DType.F64 ? Backward<double>(dy) : Backward<float>(dy);

    private Tensor Forward<T>() where T : unmanaged, IFloatingPointIeee754<T>
    {
        var result = x.Clone();                                         // becomes y where it is
        var values = result.MutableValues<T>();
        Span<T> sigmoid = stackalloc T[Chunk];
        for (; values.Length > 0; values = values[Math.Min(Chunk, values.Length)..])
        {
            var y = values[..Math.Min(Chunk, values.Length)];
            TensorPrimitives.Sigmoid(y, sigmoid);
            TensorPrimitives.Multiply(y, sigmoid[..y.Length], y);
        }
        return result;
    }

    private Tensor Backward<T>(Tensor dy) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var result = dy.ToLayout(x.Layout).Clone();                     // becomes dx; places in memory correspond to those of x
        var values = result.MutableValues<T>();
        var from = x.Values<T>();
        Span<T> sigmoid = stackalloc T[Chunk], slope = stackalloc T[Chunk];
        for (; values.Length > 0; values = values[Math.Min(Chunk, values.Length)..])
        {
            var dx = values[..Math.Min(Chunk, values.Length)];
            var a = from[^values.Length..][..dx.Length];
            TensorPrimitives.Sigmoid(a, sigmoid);
            Span<T> s = sigmoid[..dx.Length], t = slope[..dx.Length];
            TensorPrimitives.Subtract(T.One, s, t);
            TensorPrimitives.MultiplyAddEstimate(t, a, T.One, t);       // 1 + x · (1 − σ)
            TensorPrimitives.Multiply(s, t, t);
            TensorPrimitives.Multiply(dx, t, dx);
        }
        return result;
    }
}
