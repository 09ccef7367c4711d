using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// One tile of a weight gradient: 8 values of the window × 1 vector of output channels, in 8 registers of 16. For each pixel: one
/// vector of dy loaded, eight inputs broadcast, eight FMAs: the loads are the limit, 8/9 of the FMA peak.
/// </summary>
internal static unsafe class OuterProduct8x1<TSimd, V> where TSimd : struct, ISimd<V> where V : unmanaged
{
    public const int Inputs = 8;

    /// <summary>
    /// sums[j][k] += Σ x[p·xRow + q·xStep + j] · dy[(p·columns + q)·dyStep + k] over 0 ≤ p &lt; rows and 0 ≤ q &lt; columns.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* x, nint xRow, nint xStep, float* dy, nint dyStep, int rows, int columns, float* sums)
    {
        V a0 = TSimd.Zero, a1 = TSimd.Zero, a2 = TSimd.Zero, a3 = TSimd.Zero,
            a4 = TSimd.Zero, a5 = TSimd.Zero, a6 = TSimd.Zero, a7 = TSimd.Zero;
        for (int p = 0; p < rows; p++, x += xRow)
        {
            float* input = x;
            for (int q = 0; q < columns; q++, input += xStep, dy += dyStep)
            {
                V gradient = TSimd.Load(dy);
                a0 = TSimd.MultiplyAdd(TSimd.Broadcast(*input), gradient, a0);
                a1 = TSimd.MultiplyAdd(TSimd.Broadcast(input[1]), gradient, a1);
                a2 = TSimd.MultiplyAdd(TSimd.Broadcast(input[2]), gradient, a2);
                a3 = TSimd.MultiplyAdd(TSimd.Broadcast(input[3]), gradient, a3);
                a4 = TSimd.MultiplyAdd(TSimd.Broadcast(input[4]), gradient, a4);
                a5 = TSimd.MultiplyAdd(TSimd.Broadcast(input[5]), gradient, a5);
                a6 = TSimd.MultiplyAdd(TSimd.Broadcast(input[6]), gradient, a6);
                a7 = TSimd.MultiplyAdd(TSimd.Broadcast(input[7]), gradient, a7);
            }
        }
        Add(sums, a0);
        Add(sums + TSimd.Lanes, a1);
        Add(sums + 2 * TSimd.Lanes, a2);
        Add(sums + 3 * TSimd.Lanes, a3);
        Add(sums + 4 * TSimd.Lanes, a4);
        Add(sums + 5 * TSimd.Lanes, a5);
        Add(sums + 6 * TSimd.Lanes, a6);
        Add(sums + 7 * TSimd.Lanes, a7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* sum, V a) => TSimd.Store(TSimd.Add(TSimd.Load(sum), a), sum);
}
