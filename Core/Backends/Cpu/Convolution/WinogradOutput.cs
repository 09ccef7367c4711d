using System.Runtime.CompilerServices;
using static MiniDL.Backends.Cpu.Convolution.WinogradPoints;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// The output transform y = Aᵀ m A, first along the rows of points, six values to four, then down the columns. For 4 × 4 outputs of one tile
/// and one vector of channels.
/// </summary>
internal static unsafe class WinogradOutput<V> where V : unmanaged, ISimd<V>
{
    /// <summary>y = act(Aᵀ m A + bias + residual), given all points; four registers hold a column of half-transformed values.</summary>
    /// <param name="m">36 points, <paramref name="mStep"/> apart; the rows are overwritten with what the first pass makes.</param>
    /// <param name="residual">Stored like y, or null.</param>
    public static void Run(float* m, nint mStep, float* bias, float* y, nint yRow, nint yStep, float* residual, bool relu)
    {
        for (int row = 0; row < Inputs; row++) Row(m + row * Inputs * mStep, mStep);
        Columns(m, mStep, bias, y, yRow, yStep, residual, relu);
    }

    /// <summary>Overwrites six points of a row with four values.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Row(float* m, nint step) =>
        Row(V.Load(m), V.Load(m + step), V.Load(m + 2 * step), V.Load(m + 3 * step), V.Load(m + 4 * step), V.Load(m + 5 * step), m, step);

    /// <summary>Six values to four: yᵢ = Σⱼ pointⱼⁱ · mⱼ, with even and odd parts shared; the point ∞ contributes only to the last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Row(V m0, V m1, V m2, V m3, V m4, V m5, float* to, nint step)
    {
        V evenA = m1 + m2, oddA = m1 - m2, evenB = m3 + m4, oddB = m3 - m4;
        (m0 + (evenA + evenB)).Store(to);
        V.MultiplyAdd(V.All(A), oddA, V.All(B) * oddB).Store(to + step);
        V.MultiplyAdd(V.All(A2), evenA, V.All(B2) * evenB).Store(to + 2 * step);
        V.MultiplyAdd(V.All(A3), oddA, V.MultiplyAdd(V.All(B3), oddB, m5)).Store(to + 3 * step);
    }

    /// <summary>y = act(Aᵀ q + bias + residual) of half-transformed values: four in each of the six rows of points.</summary>
    /// <param name="q">Value j of row i is at <c>q + (6·i + j)·qStep</c>.</param>
    /// <param name="residual">Stored like y, or null.</param>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Columns(float* q, nint qStep, float* bias, float* y, nint yRow, nint yStep, float* residual, bool relu)
    {
        V start = V.Load(bias);
        nint row = Inputs * qStep;
        for (int j = 0; j < Outputs; j++, q += qStep, y += yStep)
        {
            V plusA = V.Load(q + 2 * row), minusA = V.Load(q + 3 * row), plusB = V.Load(q + 4 * row), minusB = V.Load(q + 5 * row);
            V evenA = plusA + minusA, oddA = plusA - minusA, evenB = plusB + minusB, oddB = plusB - minusB;
            V y0 = (start + V.Load(q)) + (evenA + evenB);
            V y1 = V.MultiplyAdd(V.All(A), oddA, V.MultiplyAdd(V.All(B), oddB, start));
            V y2 = V.MultiplyAdd(V.All(A2), evenA, V.MultiplyAdd(V.All(B2), evenB, start));
            V y3 = V.MultiplyAdd(V.All(A3), oddA, V.MultiplyAdd(V.All(B3), oddB, start + V.Load(q + row)));
            if (residual != null)
            {
                (y0, y1) = (y0 + V.Load(residual), y1 + V.Load(residual + yRow));
                (y2, y3) = (y2 + V.Load(residual + 2 * yRow), y3 + V.Load(residual + 3 * yRow));
                residual += yStep;
            }
            if (relu) (y0, y1, y2, y3) = (V.Relu(y0), V.Relu(y1), V.Relu(y2), V.Relu(y3));
            y0.Store(y);
            y1.Store(y + yRow);
            y2.Store(y + 2 * yRow);
            y3.Store(y + 3 * yRow);
        }
    }
}
