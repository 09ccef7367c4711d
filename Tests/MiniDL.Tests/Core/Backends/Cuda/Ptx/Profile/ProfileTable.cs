namespace MiniDL.Tests.Core.Backends.Cuda.Ptx.Profile;

/// <summary>Profiles of launches as text, a line each.</summary>
internal static class ProfileTable
{
    public static IEnumerable<string> Of(IReadOnlyCollection<LaunchProfile> launches)
    {
        yield return "                                               blocks  times |   MB L2 MB | sectors  banks | instr/1000 "
            + "| µs: issue shared tensor slow memory L2 | most | all";
        foreach (var l in launches) yield return string.Join(" | ", Cells(l));
        double alone = launches.Sum(l => l.Time * l.Times);
        int count = launches.Sum(l => l.Times);
        yield return FormattableString.Invariant($"{count} launches, {alone:F0} µs, with 1 µs each {alone + count:F0} µs");
    }

    private static IEnumerable<string> Cells(LaunchProfile l) => new FormattableString[]
    {
        $"{l.Kernel,-44} {l.Blocks,5}×{l.Threads,-3} ×{l.Times,3}",
        $"{l.Bytes / 1e6,5:F1} {l.BytesOfCache / 1e6,5:F1}",
        $"{Ratio(l.Global.Sectors, l.Global.LeastSectors),6:F2} {Ratio(l.Shared.Wavefronts, l.Shared.LeastWavefronts),6:F2}",
        $"{l.Instructions / 1000,7:F0}",
        $"{l.IssueTime,5:F1} {l.SharedTime,5:F1} {l.ProductTime,5:F1} {l.SpecialTime,5:F1} {l.MemoryTime,5:F1} {l.CacheTime,5:F1}",
        $"{l.Time,5:F1}",
        $"{l.Time * l.Times,6:F1}",
    }.Select(FormattableString.Invariant);

    private static double Ratio(long count, long least) => (double)count / Math.Max(1, least);
}
