using System.Runtime.CompilerServices;
using static MiniDL.Backends.Cpu.Convolution.WinogradPoints;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// The transform m = A dy Aᵀ of the 4 × 4 output gradients of one tile and one vector of channels, the transpose of <see cref="WinogradOutput{V}"/>,
/// a group of points at a time as in <see cref="WinogradInput{V}"/>.
/// </summary>
internal static unsafe class WinogradOutputGradient<V> where V : unmanaged, ISimd<V>
{
    /// <summary>One group of points of the tile whose pixel (i, j) is at <c>rows[i] + at + j·step</c>.</summary>
    /// <param name="to">The end of the columns that are inside the image; the others are zeros.</param>
    /// <param name="m">The group's points, <paramref name="mStep"/> apart.</param>
    public static void Run(int group, float** rows, nint at, nint step, int to, float* m, nint mStep)
    {
        if (group == 0)
        {
            End(rows[0] + at, step, to, m, mStep);
            End(rows[3] + at, step, to, m + Inputs * mStep, mStep);
        }
        else Pair(group == 1 ? A : B, rows, at, step, to, m, mStep);
    }

    /// <summary>The row of the point 0 or ∞: a row of dy.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void End(float* dy, nint step, int to, float* m, nint mStep)
    {
        V g1 = to > 1 ? V.Load(dy + step) : V.Zero, g2 = to > 2 ? V.Load(dy + 2 * step) : V.Zero, g3 = to > 3 ? V.Load(dy + 3 * step) : V.Zero;
        Row(V.Load(dy), g1, g2, g3, m, mStep);
    }

    /// <summary>The rows of the points ±<paramref name="at1"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Pair(float at1, float** rows, nint at, nint step, int to, float* m, nint mStep)
    {
        V power1 = V.All(at1), power2 = V.All(at1 * at1), power3 = V.All(at1 * at1 * at1);
        Pair(power1, power2, power3, rows, at, true, out V a0, out V b0);
        Pair(power1, power2, power3, rows, at + step, to > 1, out V a1, out V b1);
        Pair(power1, power2, power3, rows, at + 2 * step, to > 2, out V a2, out V b2);
        Pair(power1, power2, power3, rows, at + 3 * step, to > 3, out V a3, out V b3);
        Row(a0, a1, a2, a3, m, mStep);
        Row(b0, b1, b2, b3, m + Inputs * mStep, mStep);
    }

    /// <summary>The polynomial of a column of four values at the points of a pair.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pair(V power1, V power2, V power3, float** rows, nint at, bool inside, out V plus, out V minus)
    {
        if (!inside)
        {
            plus = minus = V.Zero;
            return;
        }
        V even = V.MultiplyAdd(power2, V.Load(rows[2] + at), V.Load(rows[0] + at));
        V odd = V.MultiplyAdd(power1, V.Load(rows[1] + at), power3 * V.Load(rows[3] + at));
        plus = even + odd;
        minus = even - odd;
    }

    /// <summary>Four values to six: the tile's polynomial at the points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(V g0, V g1, V g2, V g3, float* m, nint step)
    {
        V evenA = V.MultiplyAdd(V.All(A2), g2, g0), oddA = V.MultiplyAdd(V.All(A), g1, V.All(A3) * g3);
        V evenB = V.MultiplyAdd(V.All(B2), g2, g0), oddB = V.MultiplyAdd(V.All(B), g1, V.All(B3) * g3);
        g0.Store(m);
        (evenA + oddA).Store(m + step);
        (evenA - oddA).Store(m + 2 * step);
        (evenB + oddB).Store(m + 3 * step);
        (evenB - oddB).Store(m + 4 * step);
        g3.Store(m + 5 * step);
    }
}
