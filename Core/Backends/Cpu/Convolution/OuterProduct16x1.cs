using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// One tile of a weight gradient: 16 values of the window (or input channels) × 1 vector of output channels, in 16 registers;
/// nothing is summed across lanes. For each pixel (or tile): one vector of dy loaded, 16 inputs broadcast as operands of 16 FMAs;
/// at two loads a cycle the loads are the limit, 16/17 of the FMA peak. It needs 32 registers.
/// </summary>
internal static unsafe class OuterProduct16x1<TSimd, V> where TSimd : struct, ISimd<V> where V : unmanaged
{
    public const int Inputs = 16;

    /// <summary>
    /// sums[j][k] += Σ x[p·xRow + q·xStep + j] · dy[(p·columns + q)·dyStep + k] over 0 ≤ p &lt; rows and 0 ≤ q &lt; columns.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* x, nint xRow, nint xStep, float* dy, nint dyStep, int rows, int columns, float* sums)
    {
        V a0 = TSimd.Zero, a1 = TSimd.Zero, a2 = TSimd.Zero, a3 = TSimd.Zero,
            a4 = TSimd.Zero, a5 = TSimd.Zero, a6 = TSimd.Zero, a7 = TSimd.Zero;
        V a8 = TSimd.Zero, a9 = TSimd.Zero, a10 = TSimd.Zero, a11 = TSimd.Zero,
            a12 = TSimd.Zero, a13 = TSimd.Zero, a14 = TSimd.Zero, a15 = TSimd.Zero;
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
                a8 = TSimd.MultiplyAdd(TSimd.Broadcast(input[8]), gradient, a8);
                a9 = TSimd.MultiplyAdd(TSimd.Broadcast(input[9]), gradient, a9);
                a10 = TSimd.MultiplyAdd(TSimd.Broadcast(input[10]), gradient, a10);
                a11 = TSimd.MultiplyAdd(TSimd.Broadcast(input[11]), gradient, a11);
                a12 = TSimd.MultiplyAdd(TSimd.Broadcast(input[12]), gradient, a12);
                a13 = TSimd.MultiplyAdd(TSimd.Broadcast(input[13]), gradient, a13);
                a14 = TSimd.MultiplyAdd(TSimd.Broadcast(input[14]), gradient, a14);
                a15 = TSimd.MultiplyAdd(TSimd.Broadcast(input[15]), gradient, a15);
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
        Add(sums + 8 * TSimd.Lanes, a8);
        Add(sums + 9 * TSimd.Lanes, a9);
        Add(sums + 10 * TSimd.Lanes, a10);
        Add(sums + 11 * TSimd.Lanes, a11);
        Add(sums + 12 * TSimd.Lanes, a12);
        Add(sums + 13 * TSimd.Lanes, a13);
        Add(sums + 14 * TSimd.Lanes, a14);
        Add(sums + 15 * TSimd.Lanes, a15);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* sum, V a) => TSimd.Store(TSimd.Add(TSimd.Load(sum), a), sum);
}
