using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// One tile of a weight gradient: 16 values of the window (or input channels) × 1 vector of output channels, in 16 registers;
/// nothing is summed across lanes. Each pixel (or tile) takes one vector load of dy and 16 FMAs with broadcast inputs as operands.
/// At two loads per cycle the loads are the limit, 16/17 of the FMA peak. Needs 32 registers.
/// </summary>
internal static unsafe class OuterProduct16x1<V> where V : unmanaged, ISimd<V>
{
    public const int Inputs = 16;

    /// <summary>
    /// sums[j][k] += Σ x[p·xRow + q·xStep + j] · dy[(p·columns + q)·dyStep + k] over 0 ≤ p &lt; rows and 0 ≤ q &lt; columns.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* x, nint xRow, nint xStep, float* dy, nint dyStep, int rows, int columns, float* sums)
    {
        V a0 = V.Zero, a1 = V.Zero, a2 = V.Zero, a3 = V.Zero,
            a4 = V.Zero, a5 = V.Zero, a6 = V.Zero, a7 = V.Zero;
        V a8 = V.Zero, a9 = V.Zero, a10 = V.Zero, a11 = V.Zero,
            a12 = V.Zero, a13 = V.Zero, a14 = V.Zero, a15 = V.Zero;
        for (int p = 0; p < rows; p++, x += xRow)
        {
            float* input = x;
            for (int q = 0; q < columns; q++, input += xStep, dy += dyStep)
            {
                V gradient = V.Load(dy);
                a0 = V.MultiplyAdd(gradient, input, a0);
                a1 = V.MultiplyAdd(gradient, input + 1, a1);
                a2 = V.MultiplyAdd(gradient, input + 2, a2);
                a3 = V.MultiplyAdd(gradient, input + 3, a3);
                a4 = V.MultiplyAdd(gradient, input + 4, a4);
                a5 = V.MultiplyAdd(gradient, input + 5, a5);
                a6 = V.MultiplyAdd(gradient, input + 6, a6);
                a7 = V.MultiplyAdd(gradient, input + 7, a7);
                a8 = V.MultiplyAdd(gradient, input + 8, a8);
                a9 = V.MultiplyAdd(gradient, input + 9, a9);
                a10 = V.MultiplyAdd(gradient, input + 10, a10);
                a11 = V.MultiplyAdd(gradient, input + 11, a11);
                a12 = V.MultiplyAdd(gradient, input + 12, a12);
                a13 = V.MultiplyAdd(gradient, input + 13, a13);
                a14 = V.MultiplyAdd(gradient, input + 14, a14);
                a15 = V.MultiplyAdd(gradient, input + 15, a15);
            }
        }
        Add(sums, a0);
        Add(sums + V.Count, a1);
        Add(sums + 2 * V.Count, a2);
        Add(sums + 3 * V.Count, a3);
        Add(sums + 4 * V.Count, a4);
        Add(sums + 5 * V.Count, a5);
        Add(sums + 6 * V.Count, a6);
        Add(sums + 7 * V.Count, a7);
        Add(sums + 8 * V.Count, a8);
        Add(sums + 9 * V.Count, a9);
        Add(sums + 10 * V.Count, a10);
        Add(sums + 11 * V.Count, a11);
        Add(sums + 12 * V.Count, a12);
        Add(sums + 13 * V.Count, a13);
        Add(sums + 14 * V.Count, a14);
        Add(sums + 15 * V.Count, a15);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* sum, V a) => (V.Load(sum) + a).Store(sum);
}
