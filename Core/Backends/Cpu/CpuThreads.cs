using MiniDL.Backends.Cpu;

namespace MiniDL;

/// <summary>The number of threads that operators on the CPU use.</summary>
/// <example><code>CpuThreads.Count = 2;</code></example>
public static class CpuThreads
{
    /// <summary>
    /// The number of threads per operator, including the calling one; by default one per processor. Results do not depend on
    /// it: for any number of threads, work is cut into the same pieces and partial results are combined in the same order.
    /// </summary>
    /// <exception cref="MiniDLException">Set to less than 1.</exception>
    public static int Count
    {
        get => Workers.Threads;
        set => Workers.Threads = Checked(value);
    }

    /// <summary>
    /// The same for operators called by the current thread; null, the default, means <see cref="Count"/>. For work
    /// that runs side by side, such as several trainings whose steps are too small to share out: with each on its own thread and 1 here,
    /// every processor stays busy.
    /// </summary>
    /// <exception cref="MiniDLException">Set to less than 1.</exception>
    public static int? OnThisThread
    {
        get => Workers.ThreadsHere;
        set => Workers.ThreadsHere = value is null ? null : Checked(value.Value);
    }

    private static int Checked(int threads) => threads >= 1
        ? threads
        : throw new MiniDLException($"[cpu] {threads} is not a number of threads; use 1 to {Environment.ProcessorCount}.");
}
