using MiniDL.Backends.Cpu;

namespace MiniDL;

/// <summary>Settings of the CPU device.</summary>
public static class Cpu
{
    /// <summary>
    /// How many threads operators on the CPU use, the calling one included; by default one per processor. Results don't depend on
    /// it: work is cut into the same pieces, and partial results are combined in the same order, for any number of threads.
    /// </summary>
    /// <exception cref="MiniDLException">Set to less than 1.</exception>
    public static int Threads
    {
        get => Workers.Threads;
        set => Workers.Threads = value >= 1
            ? value
            : throw new MiniDLException($"[cpu] {value} threads cannot run anything; use 1 to {Environment.ProcessorCount}.");
    }
}
