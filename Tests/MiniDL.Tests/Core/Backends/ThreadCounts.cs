namespace MiniDL.Tests.Core.Backends;

/// <summary>Sets the number of threads until disposed. Tests that use it are in one collection, which runs alone.</summary>
[CollectionDefinition(Collection, DisableParallelization = true)]
public sealed class ThreadCounts : IDisposable
{
    public const string Collection = "thread counts";

    private readonly int _before = CpuThreads.Count;

    public ThreadCounts(int threads) => CpuThreads.Count = threads;

    public void Dispose() => CpuThreads.Count = _before;
}
