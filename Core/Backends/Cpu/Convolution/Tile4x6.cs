using System.Runtime.CompilerServices;
using static MiniDL.Backends.Cpu.Convolution.WinogradPoints;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// Winograd's products for a single vector of output channels: 4 tiles × the 6 points of a row in 24 registers, and 6 more for the weights. Each
/// input channel takes 6 loads of weights and 24 FMAs with broadcast inputs as operands; at two loads per cycle the loads are the limit, 24/30
/// of the FMA peak. In return the first pass of the output transform finds its six points in registers, and a third less is written.
/// Needs 32 registers.
/// </summary>
internal static unsafe class Tile4x6<V> where V : unmanaged, ISimd<V>
{
    public const int Tiles = 4;

    /// <summary>
    /// y[t·yTile + i·yPoint] = Σⱼ Aᵀ[i, j] · Σ_c x[t·xTile + j·xPoint + c] · w[(6c + j)·lanes], for the tiles t, the 4 half-transformed values i, the
    /// points j and the input channels c; and the same for more rows of points.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* x, nint xTile, nint xPoint, int channels, float* w, float* y, nint yTile, nint yPoint, int rows)
    {
        for (int row = 0; row < rows; row++, x += Inputs * xPoint, y += Inputs * yPoint)
        {
            float* x0 = x, x1 = x0 + xPoint, x2 = x1 + xPoint, x3 = x2 + xPoint, x4 = x3 + xPoint, x5 = x4 + xPoint;
            V a0 = V.Zero, a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
            V b0 = a0, b1 = a0, b2 = a0, b3 = a0, b4 = a0, b5 = a0;
            V c0 = a0, c1 = a0, c2 = a0, c3 = a0, c4 = a0, c5 = a0;
            V d0 = a0, d1 = a0, d2 = a0, d3 = a0, d4 = a0, d5 = a0;
            for (int c = 0; c < channels; c++, x0++, x1++, x2++, x3++, x4++, x5++, w += Inputs * V.Count)
            {
                V w0 = V.Load(w), w1 = V.Load(w + V.Count), w2 = V.Load(w + 2 * V.Count);
                V w3 = V.Load(w + 3 * V.Count), w4 = V.Load(w + 4 * V.Count), w5 = V.Load(w + 5 * V.Count);
                a0 = V.MultiplyAdd(w0, x0, a0);
                b0 = V.MultiplyAdd(w0, x0 + xTile, b0);
                c0 = V.MultiplyAdd(w0, x0 + 2 * xTile, c0);
                d0 = V.MultiplyAdd(w0, x0 + 3 * xTile, d0);
                a1 = V.MultiplyAdd(w1, x1, a1);
                b1 = V.MultiplyAdd(w1, x1 + xTile, b1);
                c1 = V.MultiplyAdd(w1, x1 + 2 * xTile, c1);
                d1 = V.MultiplyAdd(w1, x1 + 3 * xTile, d1);
                a2 = V.MultiplyAdd(w2, x2, a2);
                b2 = V.MultiplyAdd(w2, x2 + xTile, b2);
                c2 = V.MultiplyAdd(w2, x2 + 2 * xTile, c2);
                d2 = V.MultiplyAdd(w2, x2 + 3 * xTile, d2);
                a3 = V.MultiplyAdd(w3, x3, a3);
                b3 = V.MultiplyAdd(w3, x3 + xTile, b3);
                c3 = V.MultiplyAdd(w3, x3 + 2 * xTile, c3);
                d3 = V.MultiplyAdd(w3, x3 + 3 * xTile, d3);
                a4 = V.MultiplyAdd(w4, x4, a4);
                b4 = V.MultiplyAdd(w4, x4 + xTile, b4);
                c4 = V.MultiplyAdd(w4, x4 + 2 * xTile, c4);
                d4 = V.MultiplyAdd(w4, x4 + 3 * xTile, d4);
                a5 = V.MultiplyAdd(w5, x5, a5);
                b5 = V.MultiplyAdd(w5, x5 + xTile, b5);
                c5 = V.MultiplyAdd(w5, x5 + 2 * xTile, c5);
                d5 = V.MultiplyAdd(w5, x5 + 3 * xTile, d5);
            }
            WinogradOutput<V>.Row(a0, a1, a2, a3, a4, a5, y, yPoint);
            WinogradOutput<V>.Row(b0, b1, b2, b3, b4, b5, y + yTile, yPoint);
            WinogradOutput<V>.Row(c0, c1, c2, c3, c4, c5, y + 2 * yTile, yPoint);
            WinogradOutput<V>.Row(d0, d1, d2, d3, d4, d5, y + 3 * yTile, yPoint);
        }
    }
}
