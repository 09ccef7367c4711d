using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// One tile: 12 pixels of a row × 1 vector of output channels, in 12 registers: <see cref="Tile16x1{V}"/> for the end of a row, where a
/// quarter of that would be computed for nothing. 12/13 of the FMA peak.
/// </summary>
internal static unsafe class Tile12x1<V> where V : unmanaged, ISimd<V>
{
    public const int Pixels = 12;

    /// <summary>
    /// y[i·yStep + k] = bias[k] + Σᵣ Σⱼ x[r·xRow + i·xStep + j] · w[r·length + j][k], for 0 ≤ r &lt; rows and
    /// 0 ≤ j &lt; length: a row of the window is contiguous, all its columns and channels.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* x, nint xRow, nint xStep, int rows, int length, float* w, float* bias, float* y, nint yStep)
    {
        V start = V.Load(bias);
        V a0 = start, a1 = start, a2 = start, a3 = start, a4 = start, a5 = start, a6 = start, a7 = start;
        V a8 = start, a9 = start, a10 = start, a11 = start;
        for (int r = 0; r < rows; r++, x += xRow)
        {
            float* p = x;
            float* p8 = x + 8 * xStep;
            for (int j = 0; j < length; j++, p++, p8++, w += V.Count)
            {
                V weight = V.Load(w);
                a0 = V.MultiplyAdd(weight, p, a0);
                a1 = V.MultiplyAdd(weight, p + xStep, a1);
                a2 = V.MultiplyAdd(weight, p + 2 * xStep, a2);
                a3 = V.MultiplyAdd(weight, p + 3 * xStep, a3);
                a4 = V.MultiplyAdd(weight, p + 4 * xStep, a4);
                a5 = V.MultiplyAdd(weight, p + 5 * xStep, a5);
                a6 = V.MultiplyAdd(weight, p + 6 * xStep, a6);
                a7 = V.MultiplyAdd(weight, p + 7 * xStep, a7);
                a8 = V.MultiplyAdd(weight, p8, a8);
                a9 = V.MultiplyAdd(weight, p8 + xStep, a9);
                a10 = V.MultiplyAdd(weight, p8 + 2 * xStep, a10);
                a11 = V.MultiplyAdd(weight, p8 + 3 * xStep, a11);
            }
        }
        a0.Store(y);
        a1.Store(y + yStep);
        a2.Store(y + 2 * yStep);
        a3.Store(y + 3 * yStep);
        a4.Store(y + 4 * yStep);
        a5.Store(y + 5 * yStep);
        a6.Store(y + 6 * yStep);
        a7.Store(y + 7 * yStep);
        a8.Store(y + 8 * yStep);
        a9.Store(y + 9 * yStep);
        a10.Store(y + 10 * yStep);
        a11.Store(y + 11 * yStep);
    }
}
