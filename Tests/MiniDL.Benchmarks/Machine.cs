using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MiniDL.Benchmarks;

/// <summary>
/// What this machine can do at most with <see cref="CpuThreads.Count"/> threads, measured on first use: the best of many short tries.
/// </summary>
internal static class Machine
{
    private const int Tries = 60, Rounds = 1 << 20, Sums = 12, CopyBytes = 32 << 20;

    private static readonly Lazy<double> Peak = new(() => Best(_ => MultiplyAdds(), 2.0 * Rounds * Sums * Lanes));

    private static readonly Lazy<double> Copied = new(() =>
    {
        var from = Enumerable.Range(0, CpuThreads.Count).Select(_ => new byte[CopyBytes]).ToArray();
        var to = Enumerable.Range(0, CpuThreads.Count).Select(_ => new byte[CopyBytes]).ToArray();
        return Best(thread => from[thread].CopyTo(to[thread], 0), 2.0 * CopyBytes);
    });

    /// <summary>Billions of floating-point operations a second in fused multiply-adds that touch nothing but registers.</summary>
    public static double PeakGflops => Peak.Value;

    /// <summary>Billions of bytes read and written a second when arrays larger than the caches are copied.</summary>
    public static double CopyGigabytes => Copied.Value;

    /// <summary>Cycles a nanosecond, taking it that a core does two multiply-adds per cycle.</summary>
    public static double Gigahertz => PeakGflops / (CpuThreads.Count * 2.0 * 2 * Lanes);

    /// <summary>Floats in the widest register.</summary>
    public static int Lanes => Vector512.IsHardwareAccelerated ? Vector512<float>.Count : Vector<float>.Count;

    private static double Best(Action<int> work, double amountPerThread)
    {
        double best = 0;
        for (int i = 0; i < Tries; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Parallel.For(0, CpuThreads.Count, work);
            best = Math.Max(best, amountPerThread * CpuThreads.Count / Stopwatch.GetElapsedTime(start).TotalNanoseconds);
        }
        return best;
    }

    private static void MultiplyAdds()
    {
        if (Vector512.IsHardwareAccelerated) MultiplyAdds512();
        else MultiplyAddsWidest();
    }

    // Twelve sums that do not wait for each other hide the latency of two multiply-adders, at most six cycles each.

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float MultiplyAdds512()
    {
        var m = Vector512.Create(0.9999f);
        Vector512<float> a = m, b = m, c = m, d = m, e = m, f = m, g = m, h = m, i = m, j = m, k = m, l = m;
        for (int round = 0; round < Rounds; round++)
        {
            a = Vector512.FusedMultiplyAdd(a, m, m);
            b = Vector512.FusedMultiplyAdd(b, m, m);
            c = Vector512.FusedMultiplyAdd(c, m, m);
            d = Vector512.FusedMultiplyAdd(d, m, m);
            e = Vector512.FusedMultiplyAdd(e, m, m);
            f = Vector512.FusedMultiplyAdd(f, m, m);
            g = Vector512.FusedMultiplyAdd(g, m, m);
            h = Vector512.FusedMultiplyAdd(h, m, m);
            i = Vector512.FusedMultiplyAdd(i, m, m);
            j = Vector512.FusedMultiplyAdd(j, m, m);
            k = Vector512.FusedMultiplyAdd(k, m, m);
            l = Vector512.FusedMultiplyAdd(l, m, m);
        }
        return Vector512.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float MultiplyAddsWidest()
    {
        Vector<float> m = new(0.9999f);
        Vector<float> a = m, b = m, c = m, d = m, e = m, f = m, g = m, h = m, i = m, j = m, k = m, l = m;
        for (int round = 0; round < Rounds; round++)
        {
            a = Vector.FusedMultiplyAdd(a, m, m);
            b = Vector.FusedMultiplyAdd(b, m, m);
            c = Vector.FusedMultiplyAdd(c, m, m);
            d = Vector.FusedMultiplyAdd(d, m, m);
            e = Vector.FusedMultiplyAdd(e, m, m);
            f = Vector.FusedMultiplyAdd(f, m, m);
            g = Vector.FusedMultiplyAdd(g, m, m);
            h = Vector.FusedMultiplyAdd(h, m, m);
            i = Vector.FusedMultiplyAdd(i, m, m);
            j = Vector.FusedMultiplyAdd(j, m, m);
            k = Vector.FusedMultiplyAdd(k, m, m);
            l = Vector.FusedMultiplyAdd(l, m, m);
        }
        return Vector.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }
}
