using System.Runtime.CompilerServices;
using static MiniDL.Backends.Cpu.Convolution.WinogradPoints;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// The output transform y = Aᵀ m A of 4 × 4 outputs of one tile and one vector of channels. Given all points, two rows of outputs at a time are
/// made from the columns of m and stay in twelve registers until each has been transformed along the row, as in <see cref="WinogradInput{V}"/>.
/// Given rows that have been transformed already, by <see cref="Tile4x6{V}"/>, the columns remain.
/// </summary>
internal static unsafe class WinogradOutput<V> where V : unmanaged, ISimd<V>
{
    /// <summary>y = act(Aᵀ m A + bias + residual), given all points.</summary>
    /// <param name="m">36 points, <paramref name="mStep"/> apart.</param>
    /// <param name="residual">Stored like y, or null.</param>
    public static void Run(float* m, nint mStep, float* bias, float* y, nint yRow, nint yStep, float* residual, bool relu)
    {
        Even(m, mStep, bias, y, yRow, yStep, residual, relu);
        Odd(m, mStep, bias, y + yRow, yRow, yStep, residual == null ? null : residual + yRow, relu);
    }

    /// <summary>Rows 0 and 2.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Even(float* m, nint mStep, float* bias, float* y, nint yRow, nint yStep, float* residual, bool relu)
    {
        V start = V.Load(bias);
        nint row = Inputs * mStep;
        Even(m, row, out V a0, out V b0);
        Even(m + mStep, row, out V a1, out V b1);
        Even(m + 2 * mStep, row, out V a2, out V b2);
        Even(m + 3 * mStep, row, out V a3, out V b3);
        Even(m + 4 * mStep, row, out V a4, out V b4);
        Even(m + 5 * mStep, row, out V a5, out V b5);
        Row(a0, a1, a2, a3, a4, a5, start, y, yStep, residual, relu);
        Row(b0, b1, b2, b3, b4, b5, start, y + 2 * yRow, yStep, residual == null ? null : residual + 2 * yRow, relu);
    }

    /// <summary>Rows 1 and 3, given the address of row 1.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Odd(float* m, nint mStep, float* bias, float* y, nint yRow, nint yStep, float* residual, bool relu)
    {
        V start = V.Load(bias);
        nint row = Inputs * mStep;
        Odd(m, row, out V a0, out V b0);
        Odd(m + mStep, row, out V a1, out V b1);
        Odd(m + 2 * mStep, row, out V a2, out V b2);
        Odd(m + 3 * mStep, row, out V a3, out V b3);
        Odd(m + 4 * mStep, row, out V a4, out V b4);
        Odd(m + 5 * mStep, row, out V a5, out V b5);
        Row(a0, a1, a2, a3, a4, a5, start, y, yStep, residual, relu);
        Row(b0, b1, b2, b3, b4, b5, start, y + 2 * yRow, yStep, residual == null ? null : residual + 2 * yRow, relu);
    }

    /// <summary>Outputs 0 and 2 of a column of points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Even(float* m, nint row, out V y0, out V y2)
    {
        V evenA = V.Load(m + 2 * row) + V.Load(m + 3 * row), evenB = V.Load(m + 4 * row) + V.Load(m + 5 * row);
        y0 = V.Load(m) + (evenA + evenB);
        y2 = V.MultiplyAdd(V.All(A2), evenA, V.All(B2) * evenB);
    }

    /// <summary>Outputs 1 and 3 of a column of points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Odd(float* m, nint row, out V y1, out V y3)
    {
        V oddA = V.Load(m + 2 * row) - V.Load(m + 3 * row), oddB = V.Load(m + 4 * row) - V.Load(m + 5 * row);
        y1 = V.MultiplyAdd(V.All(A), oddA, V.All(B) * oddB);
        y3 = V.MultiplyAdd(V.All(A3), oddA, V.MultiplyAdd(V.All(B3), oddB, V.Load(m + row)));
    }

    /// <summary>The same for a row, with the bias, the residual and the activation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(V m0, V m1, V m2, V m3, V m4, V m5, V start, float* y, nint step, float* residual, bool relu)
    {
        V evenA = m1 + m2, oddA = m1 - m2, evenB = m3 + m4, oddB = m3 - m4;
        V y0 = (start + m0) + (evenA + evenB), y1 = V.MultiplyAdd(V.All(A), oddA, V.MultiplyAdd(V.All(B), oddB, start));
        V y2 = V.MultiplyAdd(V.All(A2), evenA, V.MultiplyAdd(V.All(B2), evenB, start));
        V y3 = V.MultiplyAdd(V.All(A3), oddA, V.MultiplyAdd(V.All(B3), oddB, start + m5));
        if (residual != null)
        {
            (y0, y1) = (y0 + V.Load(residual), y1 + V.Load(residual + step));
            (y2, y3) = (y2 + V.Load(residual + 2 * step), y3 + V.Load(residual + 3 * step));
        }
        if (relu) (y0, y1, y2, y3) = (V.Relu(y0), V.Relu(y1), V.Relu(y2), V.Relu(y3));
        y0.Store(y);
        y1.Store(y + step);
        y2.Store(y + 2 * step);
        y3.Store(y + 3 * step);
    }

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
