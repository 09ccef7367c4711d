namespace MiniDL.Tests.Core.Backends.Cuda.Ptx.Profile;

/// <summary>
/// What a launch does, by the counters of some of its blocks, and how long an H100 takes at least for each of it, in µs: 132
/// multiprocessors at 1.7 GHz. Counts are exact, but of PTX; the assembler makes about as many instructions of it. The rates are NVIDIA's,
/// but for tensor cores, which reach 60 % of the peak by mma instructions, and memory, 3.0 TB/s of which a copy reaches.
/// </summary>
internal sealed class LaunchProfile(LaunchCounters counters, int blocks, int threads)
{
    private const double Multiprocessors = 132, ClocksPerMicrosecond = 1700, MemoryBytes = 3.0e6, CacheBytes = 5.5e6;

    public string Kernel => counters.Program.Kernel.Name;

    public int Blocks => blocks;

    public int Threads => threads;

    /// <summary>How often the work launches it.</summary>
    public int Times { get; set; } = 1;

    /// <summary>What shared memory did, and global memory, in the blocks that were counted.</summary>
    public AccessCounts Shared { get; } = AccessCounts.Sum(Of(counters, i => i.IsShared).Select(i => counters.Accesses[i]));

    /// <inheritdoc cref="Shared"/>
    public AccessCounts Global { get; } = AccessCounts.Sum(Of(counters, i => i.IsGlobal).Select(i => counters.Accesses[i]));

    /// <summary>Of the launch: instructions that warps run, and those of them that are for memory, tensor cores, shuffles and barriers.</summary>
    public double Instructions => Scaled(_ => true);

    public double MemoryInstructions => Scaled(i => i.IsShared || i.IsGlobal);

    public double Products => Scaled(i => i.Word == "mma");

    public double Shuffles => Scaled(i => i.Word == "shfl");

    public double Barriers => Scaled(i => i.Word == "bar");

    /// <summary>Bytes that go to and from memory; what all blocks read comes once.</summary>
    public double Bytes => WarpAccess.SectorBytes * (counters.DistinctSectors.OfSome * Scale + counters.DistinctSectors.OfAll);

    /// <summary>Bytes that go to and from the L2 cache.</summary>
    public double BytesOfCache => WarpAccess.SectorBytes * counters.CacheSectors * Scale;

    public double Wavefronts => Shared.Wavefronts * Scale;

    /// <summary>Four instructions a clock.</summary>
    public double IssueTime => Instructions / 4 / Clocks;

    /// <summary>A turn a clock; a shuffle is one.</summary>
    public double SharedTime => (Wavefronts + Shuffles) / Clocks;

    /// <summary>1.6 clocks a product of 16 × 8 × 8 words.</summary>
    public double ProductTime => Products * 1.6 / Clocks;

    /// <summary>Doubles 64 a clock, conversions to and from them, roots and quotients 16.</summary>
    public double SpecialTime => (Scaled(i => i.IsDouble) / 2 + Scaled(i => i.IsSlow) * 2) / Clocks;

    public double MemoryTime => Bytes / MemoryBytes;

    public double CacheTime => BytesOfCache / CacheBytes;

    public double Time => new[] { IssueTime, SharedTime, ProductTime, SpecialTime, MemoryTime, CacheTime }.Max();

    private double Scale => (double)blocks / counters.Blocks;

    /// <summary>Of the multiprocessors that have a block as long as those that have most.</summary>
    private double Clocks => blocks / Math.Ceiling(blocks / Multiprocessors) * ClocksPerMicrosecond;

    private double Scaled(Func<PtxInstruction, bool> which) => Of(counters, which).Sum(i => counters.Executed[i]) * Scale;

    private static IEnumerable<int> Of(LaunchCounters counters, Func<PtxInstruction, bool> which) =>
        Enumerable.Range(0, counters.Executed.Length).Where(i => which(counters.Program.Steps[i].Instruction));
}
