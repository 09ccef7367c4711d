using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// One tile: 8 pixels of a row × 2 vectors of output channels, in 16 registers. For each value of the window: two weight vectors
/// loaded, eight inputs broadcast, sixteen FMAs; at two loads and two FMAs a cycle the FMAs are the limit. It needs 32 registers.
/// </summary>
internal static unsafe class Tile8x2<TSimd, V> where TSimd : struct, ISimd<V> where V : unmanaged
{
    public const int Pixels = 8;

    /// <summary>
    /// y[i·yStep + k] = bias[k] + Σᵣ Σⱼ x[r·xRow + i·xStep + j] · w[r·length + j][k], for 0 ≤ r &lt; rows and
    /// 0 ≤ j &lt; length: a row of the window is contiguous, all its columns and channels.
    /// </summary>
    /// <param name="wStep">From the weights of the first vector of outputs to those of the second.</param>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* x, nint xRow, nint xStep, int rows, int length, float* w, nint wStep,
        float* bias, float* y, nint yStep)
    {
        V start0 = TSimd.Load(bias);
        V a0 = start0, a1 = start0, a2 = start0, a3 = start0, a4 = start0, a5 = start0, a6 = start0, a7 = start0;
        V start1 = TSimd.Load(bias + TSimd.Lanes);
        V b0 = start1, b1 = start1, b2 = start1, b3 = start1, b4 = start1, b5 = start1, b6 = start1, b7 = start1;
        for (int r = 0; r < rows; r++, x += xRow)
        {
            float* p = x;
            for (int j = 0; j < length; j++, p++, w += TSimd.Lanes)
            {
                V weight0 = TSimd.Load(w), weight1 = TSimd.Load(w + wStep);
                V input;
                input = TSimd.Broadcast(*p);
                a0 = TSimd.MultiplyAdd(input, weight0, a0);
                b0 = TSimd.MultiplyAdd(input, weight1, b0);
                input = TSimd.Broadcast(p[xStep]);
                a1 = TSimd.MultiplyAdd(input, weight0, a1);
                b1 = TSimd.MultiplyAdd(input, weight1, b1);
                input = TSimd.Broadcast(p[2 * xStep]);
                a2 = TSimd.MultiplyAdd(input, weight0, a2);
                b2 = TSimd.MultiplyAdd(input, weight1, b2);
                input = TSimd.Broadcast(p[3 * xStep]);
                a3 = TSimd.MultiplyAdd(input, weight0, a3);
                b3 = TSimd.MultiplyAdd(input, weight1, b3);
                input = TSimd.Broadcast(p[4 * xStep]);
                a4 = TSimd.MultiplyAdd(input, weight0, a4);
                b4 = TSimd.MultiplyAdd(input, weight1, b4);
                input = TSimd.Broadcast(p[5 * xStep]);
                a5 = TSimd.MultiplyAdd(input, weight0, a5);
                b5 = TSimd.MultiplyAdd(input, weight1, b5);
                input = TSimd.Broadcast(p[6 * xStep]);
                a6 = TSimd.MultiplyAdd(input, weight0, a6);
                b6 = TSimd.MultiplyAdd(input, weight1, b6);
                input = TSimd.Broadcast(p[7 * xStep]);
                a7 = TSimd.MultiplyAdd(input, weight0, a7);
                b7 = TSimd.MultiplyAdd(input, weight1, b7);
            }
        }
        TSimd.Store(a0, y);
        TSimd.Store(b0, y + TSimd.Lanes);
        TSimd.Store(a1, y + yStep);
        TSimd.Store(b1, y + yStep + TSimd.Lanes);
        TSimd.Store(a2, y + 2 * yStep);
        TSimd.Store(b2, y + 2 * yStep + TSimd.Lanes);
        TSimd.Store(a3, y + 3 * yStep);
        TSimd.Store(b3, y + 3 * yStep + TSimd.Lanes);
        TSimd.Store(a4, y + 4 * yStep);
        TSimd.Store(b4, y + 4 * yStep + TSimd.Lanes);
        TSimd.Store(a5, y + 5 * yStep);
        TSimd.Store(b5, y + 5 * yStep + TSimd.Lanes);
        TSimd.Store(a6, y + 6 * yStep);
        TSimd.Store(b6, y + 6 * yStep + TSimd.Lanes);
        TSimd.Store(a7, y + 7 * yStep);
        TSimd.Store(b7, y + 7 * yStep + TSimd.Lanes);
    }
}
