namespace MiniDL.Tests.Core.Backends.Cuda.Ptx.Profile;

/// <summary>Profiles of launches as text, a line each.</summary>
internal static class ProfileTable
{
    public static IEnumerable<string> Of(IReadOnlyCollection<LaunchProfile> launches)
    {
        yield return "                                               blocks  times |   MB L2 MB | sectors  banks | instr/1000 | µs: issue shared tensor slow memory L2 | most | all";
        foreach (var l in launches)
        {
            double sectors = (double)l.Global.Sectors / Math.Max(1, l.Global.LeastSectors), banks = (double)l.Shared.Wavefronts / Math.Max(1, l.Shared.LeastWavefronts);
            yield return FormattableString.Invariant($"{l.Kernel,-44} {l.Blocks,5}×{l.Threads,-3} ×{l.Times,3} | {l.Bytes / 1e6,5:F1} {l.BytesOfCache / 1e6,5:F1}")
                + FormattableString.Invariant($" | {sectors,6:F2} {banks,6:F2} | {l.Instructions / 1000,7:F0} | {l.IssueTime,5:F1} {l.SharedTime,5:F1} {l.ProductTime,5:F1} {l.SpecialTime,5:F1} {l.MemoryTime,5:F1} {l.CacheTime,5:F1}")
                + FormattableString.Invariant($" | {l.Time,5:F1} | {l.Time * l.Times,6:F1}");
        }
        yield return FormattableString.Invariant($"{launches.Sum(l => l.Times)} launches, {launches.Sum(l => l.Time * l.Times):F0} µs, with 1 µs each {launches.Sum(l => (l.Time + 1) * l.Times):F0} µs");
    }
}
