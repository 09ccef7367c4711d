using MiniDL.Backends.Cpu;

namespace MiniDL;

/// <summary>How many threads operators on the CPU use.</summary>
public static class CpuThreads
{
    /// <summary>
    /// The threads of one operator, the calling one included; by default one per processor. Results don't depend on
    /// it: work is cut into the same pieces, and partial results are combined in the same order, for any number of threads.
    /// </summary>
    /// <exception cref="MiniDLException">Set to less than 1.</exception>
    public static int Count
    {
        get => Workers.Threads;
        set => Workers.Threads = Checked(value);
    }

    /// <summary>
    /// The same for the operators that the current thread calls; null, as it is at first, leaves it at <see cref="Count"/>. For
    /// work that runs side by side, such as several trainings: each on a thread of its own with 1 here keeps every processor busy
    /// where one step is too small to be shared out.
    /// </summary>
    /// <exception cref="MiniDLException">Set to less than 1.</exception>
    public static int? OnThisThread
    {
        get => Workers.ThreadsHere;
        set => Workers.ThreadsHere = value is null ? null : Checked(value.Value);
    }

    private static int Checked(int threads) => threads >= 1
        ? threads
        : throw new MiniDLException($"[cpu] {threads} threads cannot run anything; use 1 to {Environment.ProcessorCount}.");
}
