using System.Runtime.CompilerServices;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// One tile of a weight gradient: 8 values of the window × 1 vector of output channels, in 8 of 16 registers. Each pixel takes one
/// vector load of dy, eight broadcasts of inputs and eight FMAs: the loads are the limit, 8/9 of the FMA peak.
/// </summary>
internal static unsafe class OuterProduct8x1<V> where V : unmanaged, ISimd<V>
{
    public const int Inputs = 8;

    /// <summary>
    /// sums[j][k] += Σ x[p·xRow + q·xStep + j] · dy[(p·columns + q)·dyStep + k] over 0 ≤ p &lt; rows and 0 ≤ q &lt; columns.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* x, nint xRow, nint xStep, float* dy, nint dyStep, int rows, int columns, float* sums)
    {
        V a0 = V.Zero, a1 = V.Zero, a2 = V.Zero, a3 = V.Zero,
            a4 = V.Zero, a5 = V.Zero, a6 = V.Zero, a7 = V.Zero;
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
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* sum, V a) => (V.Load(sum) + a).Store(sum);
}
