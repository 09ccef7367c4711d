namespace MiniDL.Ptx.Tests.Profile;

/// <summary>
/// What a launch does, by the counters of some of its blocks. Counts are exact, but of PTX; the assembler makes about as many instructions of
/// it.
/// </summary>
internal sealed class LaunchProfile(LaunchCounters counters, int blocks, int threads)
{
    public string Kernel => counters.Program.Kernel.Name;

    public int Blocks => blocks;

    public int Threads => threads;

    /// <summary>How often the work launches it.</summary>
    public int Times { get; set; } = 1;

    /// <summary>What shared memory did, and global memory, in the blocks that were counted.</summary>
    public AccessCounts Shared { get; } = AccessCounts.Sum(Of(counters, i => i.IsShared).Select(i => counters.Accesses[i]));

    /// <inheritdoc cref="Shared"/>
    public AccessCounts Global { get; } = AccessCounts.Sum(Of(counters, i => i.IsGlobal).Select(i => counters.Accesses[i]));

    /// <summary>Instructions that warps run in the whole launch.</summary>
    public double Instructions => Scaled(_ => true);

    /// <summary>Bytes that go to and from memory; what all blocks read comes once.</summary>
    public double Bytes => WarpAccess.SectorBytes * (counters.DistinctSectors.OfSome * Scale + counters.DistinctSectors.OfAll);

    /// <summary>Bytes that go to and from the L2 cache.</summary>
    public double BytesOfCache => WarpAccess.SectorBytes * counters.CacheSectors * Scale;

    private double Scale => (double)blocks / counters.Blocks;

    private double Scaled(Func<PtxInstruction, bool> which) => Of(counters, which).Sum(i => counters.Executed[i]) * Scale;

    private static IEnumerable<int> Of(LaunchCounters counters, Func<PtxInstruction, bool> which) =>
        Enumerable.Range(0, counters.Executed.Length).Where(i => which(counters.Program.Steps[i].Instruction));
}
