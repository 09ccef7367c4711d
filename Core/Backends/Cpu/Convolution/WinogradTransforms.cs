using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// The linear maps of Winograd's minimal filtering F(4×4, 3×3) (Lavin and Gray 2016): 4 × 4 outputs of a 3 × 3 convolution are
/// <c>Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A</c>, 36 products instead of 144. Each map transforms six (or four, or three) values at a time, first
/// along the columns and then along the rows; a lane is a channel.
/// </summary>
/// <remarks>
/// Polynomials are evaluated at 0, ±3/4, ±3/2 and ∞. The usual points 0, ±1, ±2, ∞ need fewer multiplications but double the
/// error; with these points the relative error of a layer of 16 to 64 channels is 5·10⁻⁷ to 9·10⁻⁷ for centred values, about twice
/// that of the direct sum.
/// </remarks>
internal static unsafe class WinogradTransforms<V> where V : unmanaged, ISimd<V>
{
    /// <summary>The sizes, in one dimension, of a tile's output, the kernel and a tile's input.</summary>
    public const int Outputs = 4, Kernel = 3, Inputs = Outputs + Kernel - 1;

    /// <summary>Products per tile, for each pair of channels.</summary>
    public const int Points = Inputs * Inputs;

    // The points of evaluation ±A and ±B, and their powers.
    private const float A = 0.75f, A2 = A * A, A3 = A * A * A, B = 1.5f, B2 = B * B, B3 = B * B * B;

    // The divisors of Lagrange interpolation at 0, ±A and ±B.
    private const float Scale0 = 1 / (A2 * B2), ScaleA = 1 / (2 * A2 * (A2 - B2)), ScaleB = 1 / (2 * B2 * (B2 - A2));

    /// <summary>v = Bᵀ x B of one tile and one vector of channels.</summary>
    /// <param name="xRow">The distance from one row of x to the next; <paramref name="xStep"/> is that between pixels.</param>
    /// <param name="vStep">The distance from one point of v to the next.</param>
    /// <param name="columns">Space for 36 vectors.</param>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Input(float* x, nint xRow, nint xStep, float* v, nint vStep, float* columns)
    {
        for (int j = 0; j < Inputs; j++) Input(x + j * xStep, xRow, columns + j * V.Count, Inputs * V.Count);
        for (int i = 0; i < Inputs; i++) Input(columns + i * Inputs * V.Count, V.Count, v + i * Inputs * vStep, vStep);
    }

    /// <summary>y = act(Aᵀ m A + bias + residual), the 4 × 4 outputs of one tile and one vector of channels.</summary>
    /// <param name="residual">Stored like y, or null.</param>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Output(float* m, nint mStep, float* bias, float* y, nint yRow, nint yStep, float* residual, bool relu, float* columns)
    {
        V start = V.Load(bias);
        for (int j = 0; j < Inputs; j++)
            Output(m + j * mStep, Inputs * mStep, V.Zero, columns + j * V.Count, Inputs * V.Count, null, false);
        for (int i = 0; i < Outputs; i++, y += yRow)
        {
            Output(columns + i * Inputs * V.Count, V.Count, start, y, yStep, residual, relu);
            if (residual != null) residual += yRow;
        }
    }

    /// <summary>u = G w Gᵀ of the kernels from one input channel to one vector of output channels.</summary>
    /// <param name="w">The nine taps, one vector each.</param>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Weight(float* w, float* u, nint uStep, float* columns)
    {
        for (int j = 0; j < Kernel; j++)
            Weight(w + j * V.Count, Kernel * V.Count, columns + j * V.Count, Kernel * V.Count);
        for (int i = 0; i < Inputs; i++) Weight(columns + i * Kernel * V.Count, V.Count, u + i * Inputs * uStep, uStep);
    }

    /// <summary>m = A dy Aᵀ of the 4 × 4 output gradients of one tile: the transpose of Aᵀ m A.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void OutputGradient(float* dy, nint dyRow, nint dyStep, float* m, nint mStep, float* columns)
    {
        for (int j = 0; j < Outputs; j++)
            OutputGradient(dy + j * dyStep, dyRow, columns + j * V.Count, Outputs * V.Count);
        for (int i = 0; i < Inputs; i++)
            OutputGradient(columns + i * Outputs * V.Count, V.Count, m + i * Inputs * mStep, mStep);
    }

    /// <summary>dw = Gᵀ du G, nine taps: the transpose of G w Gᵀ.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void WeightGradient(float* du, float* dw, float* columns)
    {
        for (int j = 0; j < Inputs; j++)
            WeightGradient(du + j * V.Count, Inputs * V.Count, columns + j * V.Count, Inputs * V.Count);
        for (int i = 0; i < Kernel; i++)
            WeightGradient(columns + i * Inputs * V.Count, V.Count, dw + i * Kernel * V.Count, V.Count);
    }

    /// <summary>Six values to six: the polynomials of Lagrange's basis; even and odd parts are shared between ±A and ±B.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input(float* from, nint fromStep, float* to, nint toStep)
    {
        V d0 = V.Load(from), d1 = V.Load(from + fromStep), d2 = V.Load(from + 2 * fromStep);
        V d3 = V.Load(from + 3 * fromStep), d4 = V.Load(from + 4 * fromStep), d5 = V.Load(from + 5 * fromStep);
        V sum = V.All(-(A2 + B2)), product = V.All(A2 * B2);
        V evenA = V.MultiplyAdd(V.All(-B2), d2, d4), oddA = V.MultiplyAdd(V.All(-B2), d1, d3);
        V evenB = V.MultiplyAdd(V.All(-A2), d2, d4), oddB = V.MultiplyAdd(V.All(-A2), d1, d3);
        V.MultiplyAdd(product, d0, V.MultiplyAdd(sum, d2, d4)).Store(to);
        V.MultiplyAdd(V.All(A), oddA, evenA).Store(to + toStep);
        V.MultiplyAdd(V.All(-A), oddA, evenA).Store(to + 2 * toStep);
        V.MultiplyAdd(V.All(B), oddB, evenB).Store(to + 3 * toStep);
        V.MultiplyAdd(V.All(-B), oddB, evenB).Store(to + 4 * toStep);
        V.MultiplyAdd(product, d1, V.MultiplyAdd(sum, d3, d5)).Store(to + 5 * toStep);
    }

    /// <summary>Six values to four: yᵢ = Σⱼ pointⱼⁱ · mⱼ, with even and odd parts shared; the point ∞ contributes only to the last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output(float* from, nint fromStep, V start, float* to, nint toStep, float* residual, bool relu)
    {
        V m1 = V.Load(from + fromStep), m2 = V.Load(from + 2 * fromStep);
        V m3 = V.Load(from + 3 * fromStep), m4 = V.Load(from + 4 * fromStep);
        V evenA = m1 + m2, oddA = m1 - m2, evenB = m3 + m4, oddB = m3 - m4;
        V first = start + V.Load(from), last = start + V.Load(from + 5 * fromStep);
        V y0 = first + (evenA + evenB), y1 = Combine(A, oddA, B, oddB, start);
        V y2 = Combine(A2, evenA, B2, evenB, start), y3 = Combine(A3, oddA, B3, oddB, last);
        if (residual != null)
        {
            (y0, y1) = (y0 + V.Load(residual), y1 + V.Load(residual + toStep));
            (y2, y3) = (y2 + V.Load(residual + 2 * toStep), y3 + V.Load(residual + 3 * toStep));
        }
        if (relu) (y0, y1, y2, y3) = (V.Relu(y0), V.Relu(y1), V.Relu(y2), V.Relu(y3));
        y0.Store(to);
        y1.Store(to + toStep);
        y2.Store(to + 2 * toStep);
        y3.Store(to + 3 * toStep);
    }

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

    /// <summary>Four values to six: the tile's polynomial at the points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OutputGradient(float* from, nint fromStep, float* to, nint toStep)
    {
        V g0 = V.Load(from), g1 = V.Load(from + fromStep);
        V g2 = V.Load(from + 2 * fromStep), g3 = V.Load(from + 3 * fromStep);
        V evenA = V.MultiplyAdd(V.All(A2), g2, g0), oddA = Combine(A, g1, A3, g3, V.Zero);
        V evenB = V.MultiplyAdd(V.All(B2), g2, g0), oddB = Combine(B, g1, B3, g3, V.Zero);
        g0.Store(to);
        (evenA + oddA).Store(to + toStep);
        (evenA - oddA).Store(to + 2 * toStep);
        (evenB + oddB).Store(to + 3 * toStep);
        (evenB - oddB).Store(to + 4 * toStep);
        g3.Store(to + 5 * toStep);
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
