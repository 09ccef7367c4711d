using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// One tile: 8 pixels of a row × 1 vector of output channels, in 8 registers of 16. For each value of the window: one weight
/// vector loaded, eight inputs broadcast, eight FMAs: the loads are the limit, 8/9 of the FMA peak.
/// </summary>
internal static unsafe class Tile8x1<TSimd, V> where TSimd : struct, ISimd<V> where V : unmanaged
{
    public const int Pixels = 8;

    /// <summary>
    /// y[i·yStep + k] = bias[k] + Σᵣ Σⱼ x[r·xRow + i·xStep + j] · w[r·length + j][k], for 0 ≤ r &lt; rows and
    /// 0 ≤ j &lt; length: a row of the window is contiguous, all its columns and channels.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* x, nint xRow, nint xStep, int rows, int length, float* w, float* bias, float* y, nint yStep)
    {
        V start = TSimd.Load(bias);
        V a0 = start, a1 = start, a2 = start, a3 = start, a4 = start, a5 = start, a6 = start, a7 = start;
        for (int r = 0; r < rows; r++, x += xRow)
        {
            float* p = x;
            for (int j = 0; j < length; j++, p++, w += TSimd.Lanes)
            {
                V weight = TSimd.Load(w);
                a0 = TSimd.MultiplyAdd(TSimd.Broadcast(*p), weight, a0);
                a1 = TSimd.MultiplyAdd(TSimd.Broadcast(p[xStep]), weight, a1);
                a2 = TSimd.MultiplyAdd(TSimd.Broadcast(p[2 * xStep]), weight, a2);
                a3 = TSimd.MultiplyAdd(TSimd.Broadcast(p[3 * xStep]), weight, a3);
                a4 = TSimd.MultiplyAdd(TSimd.Broadcast(p[4 * xStep]), weight, a4);
                a5 = TSimd.MultiplyAdd(TSimd.Broadcast(p[5 * xStep]), weight, a5);
                a6 = TSimd.MultiplyAdd(TSimd.Broadcast(p[6 * xStep]), weight, a6);
                a7 = TSimd.MultiplyAdd(TSimd.Broadcast(p[7 * xStep]), weight, a7);
            }
        }
        TSimd.Store(a0, y);
        TSimd.Store(a1, y + yStep);
        TSimd.Store(a2, y + 2 * yStep);
        TSimd.Store(a3, y + 3 * yStep);
        TSimd.Store(a4, y + 4 * yStep);
        TSimd.Store(a5, y + 5 * yStep);
        TSimd.Store(a6, y + 6 * yStep);
        TSimd.Store(a7, y + 7 * yStep);
    }
}
