using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// One tile: 8 pixels of a row × 1 vector of output channels, in 8 of 16 registers. Each value of the window takes one vector load
/// of weights, eight broadcasts of inputs and eight FMAs: the loads are the limit, 8/9 of the FMA peak.
/// </summary>
internal static unsafe class Tile8x1<V> where V : unmanaged, ISimd<V>
{
    public const int Pixels = 8;

    /// <summary>
    /// y[i·yStep + k] = bias[k] + Σᵣ Σⱼ x[r·xRow + i·xStep + j] · w[r·length + j][k], for 0 ≤ r &lt; rows and
    /// 0 ≤ j &lt; length: a row of the window is contiguous, all its columns and channels.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* x, nint xRow, nint xStep, int rows, int length, float* w, float* bias, float* y, nint yStep)
    {
        V start = V.Load(bias);
        V a0 = start, a1 = start, a2 = start, a3 = start, a4 = start, a5 = start, a6 = start, a7 = start;
        for (int r = 0; r < rows; r++, x += xRow)
        {
            float* p = x;
            for (int j = 0; j < length; j++, p++, w += V.Count)
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
    }
}
