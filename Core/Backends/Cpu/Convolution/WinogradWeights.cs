using System.Runtime.CompilerServices;
using static MiniDL.Backends.Cpu.Convolution.WinogradPoints;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>The transform u = G w Gᵀ of kernels, and its transpose, for one vector of output channels. Done once for all tiles.</summary>
internal static unsafe class WinogradWeights<V> where V : unmanaged, ISimd<V>
{
    /// <summary>u = G w Gᵀ of the kernels from one input channel to one vector of output channels.</summary>
    /// <param name="w">The nine taps, one vector each: tap (i, j) at <c>w + i·wRow + j·wStep</c>.</param>
    /// <param name="u">Point j of row i is stored at <c>u + i·uRow + j·uStep</c>.</param>
    /// <param name="columns">Space for 18 vectors.</param>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Transform(float* w, nint wRow, nint wStep, float* u, nint uRow, nint uStep, float* columns)
    {
        for (int j = 0; j < Kernel; j++)
            Weight(w + j * wStep, wRow, columns + j * V.Count, Kernel * V.Count);
        for (int i = 0; i < Inputs; i++) Weight(columns + i * Kernel * V.Count, V.Count, u + RowAt(i) * uRow, uStep);
    }

    /// <summary>dw = Gᵀ du G, nine taps.</summary>
    /// <param name="du">36 points, one vector each.</param>
    /// <param name="columns">Space for 18 vectors.</param>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Gradient(float* du, float* dw, float* columns)
    {
        for (int i = 0; i < Inputs; i++) WeightGradient(du + RowAt(i) * Inputs * V.Count, V.Count, columns + i * V.Count, Inputs * V.Count);
        for (int j = 0; j < Kernel; j++) WeightGradient(columns + j * Inputs * V.Count, V.Count, dw + j * V.Count, Kernel * V.Count);
    }

    /// <summary>Where row i of points, in the order 0, A, −A, B, −B, ∞, is stored.</summary>
    private static int RowAt(int row) => row switch { 0 => 0, Inputs - 1 => 1, _ => row + 1 };

    /// <summary>Three values to six: the kernel's polynomial at the points, with Lagrange's divisors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Weight(float* from, nint fromStep, float* to, nint toStep)
    {
        V g0 = V.Load(from), g1 = V.Load(from + fromStep), g2 = V.Load(from + 2 * fromStep);
        V evenA = Combine(ScaleA, g0, ScaleA * A2, g2, V.Zero), oddA = V.All(ScaleA * A) * g1;
        V evenB = Combine(ScaleB, g0, ScaleB * B2, g2, V.Zero), oddB = V.All(ScaleB * B) * g1;
        (V.All(Scale0) * g0).Store(to);
        (evenA + oddA).Store(to + toStep);
        (evenA - oddA).Store(to + 2 * toStep);
        (evenB + oddB).Store(to + 3 * toStep);
        (evenB - oddB).Store(to + 4 * toStep);
        g2.Store(to + 5 * toStep);
    }

    /// <summary>Six values to three.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WeightGradient(float* from, nint fromStep, float* to, nint toStep)
    {
        V m1 = V.Load(from + fromStep), m2 = V.Load(from + 2 * fromStep);
        V m3 = V.Load(from + 3 * fromStep), m4 = V.Load(from + 4 * fromStep);
        V evenA = m1 + m2, oddA = m1 - m2, evenB = m3 + m4, oddB = m3 - m4;
        V first = V.All(Scale0) * V.Load(from), last = V.Load(from + 5 * fromStep);
        Combine(ScaleA, evenA, ScaleB, evenB, first).Store(to);
        Combine(ScaleA * A, oddA, ScaleB * B, oddB, V.Zero).Store(to + toStep);
        Combine(ScaleA * A2, evenA, ScaleB * B2, evenB, last).Store(to + 2 * toStep);
    }

    /// <summary>a·x + b·y + c.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Combine(float a, V x, float b, V y, V c) =>
        V.MultiplyAdd(V.All(a), x, V.MultiplyAdd(V.All(b), y, c));
}
