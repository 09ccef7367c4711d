using MiniDL.Ptx.Tests.Interpreter;

namespace MiniDL.Ptx.Tests.Profile;

/// <summary>
/// Counters of the launches that some work makes. Of each launch a few neighbouring blocks run, and only the first time: a launch that
/// differs in nothing but the addresses does the same. So memory does not hold what the work should compute, and full batches take seconds.
/// </summary>
/// <param name="sampled">How many blocks; images should be multiples of them.</param>
internal sealed class GpuProfile(int sampled)
{
    private readonly Dictionary<string, LaunchProfile> _launches = [];

    /// <summary>In the order in which they came first.</summary>
    public IReadOnlyCollection<LaunchProfile> Launches => _launches.Values;

    /// <summary>Counts a launch: runs some of its blocks if it is the first of its kind.</summary>
    public void Run(PtxProgram program, byte[] arguments, Func<ulong, (ulong, ulong)?> findAllocation, int blocks, int threads,
        int dynamicBytes)
    {
        string key = Key(program, arguments, findAllocation, blocks);
        if (_launches.TryGetValue(key, out var known))
        {
            known.Times++;
            return;
        }
        var counters = new LaunchCounters(program);
        int first = blocks <= sampled ? 0 : blocks / 2 / sampled * sampled;
        new PtxLaunch(program, arguments, new(findAllocation), threads, dynamicBytes) { Counters = counters }
            .Run(blocks, first, Math.Min(first + sampled, blocks));
        _launches[key] = new(counters, blocks, threads);
    }

    /// <summary>Everything that a launch depends on, with a mark in place of each address.</summary>
    private static string Key(PtxProgram program, byte[] arguments, Func<ulong, (ulong, ulong)?> findAllocation, int blocks)
    {
        var words = Enumerable.Range(0, arguments.Length / 8).Select(i => BitConverter.ToUInt64(arguments, i * 8))
            .Select(word => findAllocation(word) is null ? $"{word:X}" : "address");
        string rest = Convert.ToHexString(arguments.AsSpan(arguments.Length / 8 * 8));
        return $"{program.Kernel.Name} {blocks} {string.Join(' ', words)} {rest}";
    }
}
