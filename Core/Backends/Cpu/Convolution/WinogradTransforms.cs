using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// The linear maps of Winograd's minimal filtering F(4×4, 3×3) (Lavin and Gray 2016): 4 × 4 outputs of a 3 × 3 convolution are
/// <c>Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A</c>, 36 products instead of 144. Each map is one of six (or four, or three) values applied to
/// the columns and then to the rows; a lane is a channel.
/// </summary>
/// <remarks>
/// Polynomials are evaluated at 0, ±3/4, ±3/2 and ∞. The usual 0, ±1, ±2, ∞ need fewer multiplications but have twice the
/// error; with these the relative error of a layer of 16 to 64 channels is 5·10⁻⁷ to 9·10⁻⁷ for centred values, about twice
/// that of the direct sum.
/// </remarks>
internal static unsafe class WinogradTransforms<TSimd, V> where TSimd : struct, ISimd<V> where V : unmanaged
{
    /// <summary>Output pixels, kernel and input pixels of a tile, in one dimension.</summary>
    public const int Outputs = 4, Kernel = 3, Inputs = Outputs + Kernel - 1;

    /// <summary>Products of a tile, for each pair of channels.</summary>
    public const int Points = Inputs * Inputs;

    // The points of evaluation ±A and ±B, and their powers.
    private const float A = 0.75f, A2 = A * A, A3 = A * A * A, B = 1.5f, B2 = B * B, B3 = B * B * B;

    // What Lagrange's interpolation divides by at 0, ±A and ±B.
    private const float Scale0 = 1 / (A2 * B2), ScaleA = 1 / (2 * A2 * (A2 - B2)), ScaleB = 1 / (2 * B2 * (B2 - A2));

    /// <summary>v = Bᵀ x B of one tile and one vector of channels.</summary>
    /// <param name="xRow">From one row of x to the next; <paramref name="xStep"/> from pixel to pixel.</param>
    /// <param name="vStep">From one point of v to the next.</param>
    /// <param name="columns">Room for 36 vectors.</param>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Input(float* x, nint xRow, nint xStep, float* v, nint vStep, float* columns)
    {
        for (int j = 0; j < Inputs; j++) Input(x + j * xStep, xRow, columns + j * TSimd.Lanes, Inputs * TSimd.Lanes);
        for (int i = 0; i < Inputs; i++) Input(columns + i * Inputs * TSimd.Lanes, TSimd.Lanes, v + i * Inputs * vStep, vStep);
    }

    /// <summary>y = Aᵀ m A + bias, the 4 × 4 outputs of one tile and one vector of channels.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Output(float* m, nint mStep, float* bias, float* y, nint yRow, nint yStep, float* columns)
    {
        V start = TSimd.Load(bias);
        for (int j = 0; j < Inputs; j++)
            Output(m + j * mStep, Inputs * mStep, TSimd.Zero, columns + j * TSimd.Lanes, Inputs * TSimd.Lanes);
        for (int i = 0; i < Outputs; i++) Output(columns + i * Inputs * TSimd.Lanes, TSimd.Lanes, start, y + i * yRow, yStep);
    }

    /// <summary>u = G w Gᵀ of the kernels from one input channel to one vector of output channels.</summary>
    /// <param name="w">The nine taps, a vector each.</param>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Weight(float* w, float* u, nint uStep, float* columns)
    {
        for (int j = 0; j < Kernel; j++)
            Weight(w + j * TSimd.Lanes, Kernel * TSimd.Lanes, columns + j * TSimd.Lanes, Kernel * TSimd.Lanes);
        for (int i = 0; i < Inputs; i++) Weight(columns + i * Kernel * TSimd.Lanes, TSimd.Lanes, u + i * Inputs * uStep, uStep);
    }

    /// <summary>m = A dy Aᵀ of the 4 × 4 output gradients of one tile: the transpose of Aᵀ m A.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void OutputGradient(float* dy, nint dyRow, nint dyStep, float* m, nint mStep, float* columns)
    {
        for (int j = 0; j < Outputs; j++)
            OutputGradient(dy + j * dyStep, dyRow, columns + j * TSimd.Lanes, Outputs * TSimd.Lanes);
        for (int i = 0; i < Inputs; i++)
            OutputGradient(columns + i * Outputs * TSimd.Lanes, TSimd.Lanes, m + i * Inputs * mStep, mStep);
    }

    /// <summary>dw = Gᵀ du G, nine taps: the transpose of G w Gᵀ.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void WeightGradient(float* du, float* dw, float* columns)
    {
        for (int j = 0; j < Inputs; j++)
            WeightGradient(du + j * TSimd.Lanes, Inputs * TSimd.Lanes, columns + j * TSimd.Lanes, Inputs * TSimd.Lanes);
        for (int i = 0; i < Kernel; i++)
            WeightGradient(columns + i * Inputs * TSimd.Lanes, TSimd.Lanes, dw + i * Kernel * TSimd.Lanes, TSimd.Lanes);
    }

    /// <summary>Six values to six: the polynomials of Lagrange's basis, even and odd parts shared between ±A and ±B.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input(float* from, nint fromStep, float* to, nint toStep)
    {
        V d0 = TSimd.Load(from), d1 = TSimd.Load(from + fromStep), d2 = TSimd.Load(from + 2 * fromStep);
        V d3 = TSimd.Load(from + 3 * fromStep), d4 = TSimd.Load(from + 4 * fromStep), d5 = TSimd.Load(from + 5 * fromStep);
        V sum = TSimd.Broadcast(-(A2 + B2)), product = TSimd.Broadcast(A2 * B2);
        V evenA = TSimd.MultiplyAdd(TSimd.Broadcast(-B2), d2, d4), oddA = TSimd.MultiplyAdd(TSimd.Broadcast(-B2), d1, d3);
        V evenB = TSimd.MultiplyAdd(TSimd.Broadcast(-A2), d2, d4), oddB = TSimd.MultiplyAdd(TSimd.Broadcast(-A2), d1, d3);
        TSimd.Store(TSimd.MultiplyAdd(product, d0, TSimd.MultiplyAdd(sum, d2, d4)), to);
        TSimd.Store(TSimd.MultiplyAdd(TSimd.Broadcast(A), oddA, evenA), to + toStep);
        TSimd.Store(TSimd.MultiplyAdd(TSimd.Broadcast(-A), oddA, evenA), to + 2 * toStep);
        TSimd.Store(TSimd.MultiplyAdd(TSimd.Broadcast(B), oddB, evenB), to + 3 * toStep);
        TSimd.Store(TSimd.MultiplyAdd(TSimd.Broadcast(-B), oddB, evenB), to + 4 * toStep);
        TSimd.Store(TSimd.MultiplyAdd(product, d1, TSimd.MultiplyAdd(sum, d3, d5)), to + 5 * toStep);
    }

    /// <summary>Six values to four: yᵢ = Σⱼ pointⱼⁱ · mⱼ, even and odd parts shared; the point ∞ counts for the last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output(float* from, nint fromStep, V start, float* to, nint toStep)
    {
        V m1 = TSimd.Load(from + fromStep), m2 = TSimd.Load(from + 2 * fromStep);
        V m3 = TSimd.Load(from + 3 * fromStep), m4 = TSimd.Load(from + 4 * fromStep);
        V evenA = TSimd.Add(m1, m2), oddA = TSimd.Subtract(m1, m2), evenB = TSimd.Add(m3, m4), oddB = TSimd.Subtract(m3, m4);
        V first = TSimd.Add(start, TSimd.Load(from)), last = TSimd.Add(start, TSimd.Load(from + 5 * fromStep));
        TSimd.Store(TSimd.Add(first, TSimd.Add(evenA, evenB)), to);
        TSimd.Store(Combine(A, oddA, B, oddB, start), to + toStep);
        TSimd.Store(Combine(A2, evenA, B2, evenB, start), to + 2 * toStep);
        TSimd.Store(Combine(A3, oddA, B3, oddB, last), to + 3 * toStep);
    }

    /// <summary>Three values to six: the kernel's polynomial at the points, with Lagrange's divisors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Weight(float* from, nint fromStep, float* to, nint toStep)
    {
        V g0 = TSimd.Load(from), g1 = TSimd.Load(from + fromStep), g2 = TSimd.Load(from + 2 * fromStep);
        V evenA = Combine(ScaleA, g0, ScaleA * A2, g2, TSimd.Zero), oddA = TSimd.Multiply(TSimd.Broadcast(ScaleA * A), g1);
        V evenB = Combine(ScaleB, g0, ScaleB * B2, g2, TSimd.Zero), oddB = TSimd.Multiply(TSimd.Broadcast(ScaleB * B), g1);
        TSimd.Store(TSimd.Multiply(TSimd.Broadcast(Scale0), g0), to);
        TSimd.Store(TSimd.Add(evenA, oddA), to + toStep);
        TSimd.Store(TSimd.Subtract(evenA, oddA), to + 2 * toStep);
        TSimd.Store(TSimd.Add(evenB, oddB), to + 3 * toStep);
        TSimd.Store(TSimd.Subtract(evenB, oddB), to + 4 * toStep);
        TSimd.Store(g2, to + 5 * toStep);
    }

    /// <summary>Four values to six: the tile's polynomial at the points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OutputGradient(float* from, nint fromStep, float* to, nint toStep)
    {
        V g0 = TSimd.Load(from), g1 = TSimd.Load(from + fromStep);
        V g2 = TSimd.Load(from + 2 * fromStep), g3 = TSimd.Load(from + 3 * fromStep);
        V evenA = TSimd.MultiplyAdd(TSimd.Broadcast(A2), g2, g0), oddA = Combine(A, g1, A3, g3, TSimd.Zero);
        V evenB = TSimd.MultiplyAdd(TSimd.Broadcast(B2), g2, g0), oddB = Combine(B, g1, B3, g3, TSimd.Zero);
        TSimd.Store(g0, to);
        TSimd.Store(TSimd.Add(evenA, oddA), to + toStep);
        TSimd.Store(TSimd.Subtract(evenA, oddA), to + 2 * toStep);
        TSimd.Store(TSimd.Add(evenB, oddB), to + 3 * toStep);
        TSimd.Store(TSimd.Subtract(evenB, oddB), to + 4 * toStep);
        TSimd.Store(g3, to + 5 * toStep);
    }

    /// <summary>Six values to three.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WeightGradient(float* from, nint fromStep, float* to, nint toStep)
    {
        V m1 = TSimd.Load(from + fromStep), m2 = TSimd.Load(from + 2 * fromStep);
        V m3 = TSimd.Load(from + 3 * fromStep), m4 = TSimd.Load(from + 4 * fromStep);
        V evenA = TSimd.Add(m1, m2), oddA = TSimd.Subtract(m1, m2), evenB = TSimd.Add(m3, m4), oddB = TSimd.Subtract(m3, m4);
        V first = TSimd.Multiply(TSimd.Broadcast(Scale0), TSimd.Load(from)), last = TSimd.Load(from + 5 * fromStep);
        TSimd.Store(Combine(ScaleA, evenA, ScaleB, evenB, first), to);
        TSimd.Store(Combine(ScaleA * A, oddA, ScaleB * B, oddB, TSimd.Zero), to + toStep);
        TSimd.Store(Combine(ScaleA * A2, evenA, ScaleB * B2, evenB, last), to + 2 * toStep);
    }

    /// <summary>a·x + b·y + c.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Combine(float a, V x, float b, V y, V c) =>
        TSimd.MultiplyAdd(TSimd.Broadcast(a), x, TSimd.MultiplyAdd(TSimd.Broadcast(b), y, c));
}
