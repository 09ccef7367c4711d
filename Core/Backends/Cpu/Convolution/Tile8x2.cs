using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// One tile: 8 pixels of a row × 2 vectors of output channels, in 16 registers. Each value of the window takes two vector loads of
/// weights, eight broadcasts of inputs and sixteen FMAs; at two loads and two FMAs per cycle the FMAs are the limit. Needs 32 registers.
/// </summary>
internal static unsafe class Tile8x2<V> where V : unmanaged, ISimd<V>
{
    public const int Pixels = 8;

    /// <summary>
    /// y[i·yStep + k] = bias[k] + Σᵣ Σⱼ x[r·xRow + i·xStep + j] · w[r·length + j][k], for 0 ≤ r &lt; rows and
    /// 0 ≤ j &lt; length: a row of the window is contiguous, all its columns and channels.
    /// </summary>
    /// <param name="wStep">The distance from the weights of the first vector of outputs to those of the second.</param>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* x, nint xRow, nint xStep, int rows, int length, float* w, nint wStep,
        float* bias, float* y, nint yStep)
    {
        V start0 = V.Load(bias);
        V a0 = start0, a1 = start0, a2 = start0, a3 = start0, a4 = start0, a5 = start0, a6 = start0, a7 = start0;
        V start1 = V.Load(bias + V.Count);
        V b0 = start1, b1 = start1, b2 = start1, b3 = start1, b4 = start1, b5 = start1, b6 = start1, b7 = start1;
        for (int r = 0; r < rows; r++, x += xRow)
        {
            float* p = x;
            for (int j = 0; j < length; j++, p++, w += V.Count)
            {
                V weight0 = V.Load(w), weight1 = V.Load(w + wStep);
                V input;
                input = V.All(*p);
                a0 = V.MultiplyAdd(input, weight0, a0);
                b0 = V.MultiplyAdd(input, weight1, b0);
                input = V.All(p[xStep]);
                a1 = V.MultiplyAdd(input, weight0, a1);
                b1 = V.MultiplyAdd(input, weight1, b1);
                input = V.All(p[2 * xStep]);
                a2 = V.MultiplyAdd(input, weight0, a2);
                b2 = V.MultiplyAdd(input, weight1, b2);
                input = V.All(p[3 * xStep]);
                a3 = V.MultiplyAdd(input, weight0, a3);
                b3 = V.MultiplyAdd(input, weight1, b3);
                input = V.All(p[4 * xStep]);
                a4 = V.MultiplyAdd(input, weight0, a4);
                b4 = V.MultiplyAdd(input, weight1, b4);
                input = V.All(p[5 * xStep]);
                a5 = V.MultiplyAdd(input, weight0, a5);
                b5 = V.MultiplyAdd(input, weight1, b5);
                input = V.All(p[6 * xStep]);
                a6 = V.MultiplyAdd(input, weight0, a6);
                b6 = V.MultiplyAdd(input, weight1, b6);
                input = V.All(p[7 * xStep]);
                a7 = V.MultiplyAdd(input, weight0, a7);
                b7 = V.MultiplyAdd(input, weight1, b7);
            }
        }
        a0.Store(y);
        b0.Store(y + V.Count);
        a1.Store(y + yStep);
        b1.Store(y + yStep + V.Count);
        a2.Store(y + 2 * yStep);
        b2.Store(y + 2 * yStep + V.Count);
        a3.Store(y + 3 * yStep);
        b3.Store(y + 3 * yStep + V.Count);
        a4.Store(y + 4 * yStep);
        b4.Store(y + 4 * yStep + V.Count);
        a5.Store(y + 5 * yStep);
        b5.Store(y + 5 * yStep + V.Count);
        a6.Store(y + 6 * yStep);
        b6.Store(y + 6 * yStep + V.Count);
        a7.Store(y + 7 * yStep);
        b7.Store(y + 7 * yStep + V.Count);
    }
}
