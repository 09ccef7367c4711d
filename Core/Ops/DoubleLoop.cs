using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MiniDL;

/// <summary>A function of one value, written once for eight of them in double.</summary>
internal interface IDoubleExpression
{
    Vector512<double> Of(Vector512<double> x);
}

/// <summary>
/// Runs a function of floats in double, eight values at a time, the last ones padded: the value for an input is the same wherever it lies,
/// whatever the width of the registers, and is the nearest float but for rare ties, which is what
/// <see cref="System.Numerics.Tensors.TensorPrimitives"/> does not promise of its exponentials, logarithms and powers.
/// </summary>
internal static class DoubleLoop
{
    private const int Width = 8;

    /// <summary>y[i] = f(x[i]); the spans may be the same.</summary>
    public static void Run<TExpression>(TExpression f, ReadOnlySpan<float> x, Span<float> y) where TExpression : struct, IDoubleExpression
    {
        int i = 0;
        for (; i <= y.Length - Width; i += Width) Narrow(f.Of(Load(x[i..]))).CopyTo(y[i..]);
        if (i == y.Length) return;
        Span<float> tail = stackalloc float[Width];
        Narrow(f.Of(Load(Padded(x[i..], tail)))).CopyTo(tail);
        tail[..(y.Length - i)].CopyTo(y[i..]);
    }

    /// <summary>Σ e^(x[i] − shift), in double: of a softmax, whose largest term is 1, the others keep their digits down to 10⁻¹⁶.</summary>
    public static double SumExp(ReadOnlySpan<float> x, double shift)
    {
        var (sum, by) = (Vector512<double>.Zero, Vector512.Create(shift));
        int i = 0;
        for (; i <= x.Length - Width; i += Width) sum += DoubleMath.Exp(Load(x[i..]) - by);
        double total = Vector512.Sum(sum);
        if (i == x.Length) return total;
        Span<float> tail = stackalloc float[Width];
        var rest = DoubleMath.Exp(Load(Padded(x[i..], tail)) - by);
        for (int lane = 0; lane < x.Length - i; lane++) total += rest[lane];
        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Load(ReadOnlySpan<float> x)
    {
        var (lower, upper) = Vector256.Widen(Vector256.Create(x));
        return Vector512.Create(lower, upper);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Narrow(Vector512<double> x) => Vector256.Narrow(x.GetLower(), x.GetUpper());

    private static ReadOnlySpan<float> Padded(ReadOnlySpan<float> x, Span<float> room)
    {
        room.Fill(1);
        x.CopyTo(room);
        return room;
    }
}
