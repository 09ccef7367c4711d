namespace MiniDL.Examples.Training;

/// <summary>
/// Limits the memory of what steps leave behind: graphs and tensors, some 2 to 150 kB a step, whose values are recycled but which are objects
/// themselves. By default .NET collects them once they fill the third-level cache, which on a server takes hundreds of megabytes.
/// </summary>
internal static class StepGarbage
{
    private const long Limit = 2 << 20;

    private const int Warm = 3;

    private static long _allocated;
    private static int _steps;

    /// <summary>Call it between two steps, when nothing of the last one is in use: then it takes less than a millisecond, and rarely anything.</summary>
    public static void Collect()
    {
        // What loading, making the net and the first steps have left, such as scratch memory that has grown since.
        if (Interlocked.Increment(ref _steps) == Warm) GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        long allocated = GC.GetTotalAllocatedBytes(precise: false);
        if (allocated - Volatile.Read(ref _allocated) < Limit) return;
        Volatile.Write(ref _allocated, allocated);
        GC.Collect(generation: 0, GCCollectionMode.Forced, blocking: true);
    }
}
