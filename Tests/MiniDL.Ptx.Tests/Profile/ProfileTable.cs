namespace MiniDL.Ptx.Tests.Profile;

/// <summary>Profiles of launches as text, a line each.</summary>
internal static class ProfileTable
{
    public static IEnumerable<string> Of(IReadOnlyCollection<LaunchProfile> launches)
    {
        yield return "                                               blocks  times |   MB L2 MB | sectors  banks | instr/1000";
        foreach (var l in launches) yield return string.Join(" | ", Cells(l));
        yield return $"{launches.Sum(l => l.Times)} launches";
    }

    private static IEnumerable<string> Cells(LaunchProfile l) => new FormattableString[]
    {
        $"{l.Kernel,-44} {l.Blocks,5}×{l.Threads,-3} ×{l.Times,3}",
        $"{l.Bytes / 1e6,5:F1} {l.BytesOfCache / 1e6,5:F1}",
        $"{Ratio(l.Global.Sectors, l.Global.MinSectors),6:F2} {Ratio(l.Shared.Wavefronts, l.Shared.MinWavefronts),6:F2}",
        $"{l.Instructions / 1000,7:F0}",
    }.Select(FormattableString.Invariant);

    private static double Ratio(long count, long least) => (double)count / Math.Max(1, least);
}
