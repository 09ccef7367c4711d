namespace MiniDL.Diagnostics;

/// <summary>The entries of a <see cref="Profiler"/> as text.</summary>
internal static class ProfileTable
{
    /// <param name="byModule">Whether there is a column for modules.</param>
    public static string Of(IReadOnlyCollection<ProfileEntry> entries, ProfileEntry outside, bool byModule)
    {
        var total = ProfileEntry.Sum([new ProfileEntry("total", ""), .. entries, outside], module: "");
        string[] headings = [.. byModule ? ["module"] : Array.Empty<string>(), "name", "part", "calls", "ms", "%", "GFLOP/s", "GB/s", "moved", "taken", "fresh"];
        string[] Row(ProfileEntry entry) => [.. byModule ? [entry.Module] : Array.Empty<string>(), .. Cells(entry, total)];
        string[][] rows = [.. entries.Append(outside).OrderByDescending(entry => entry.Milliseconds).Append(total).Select(Row)];
        return TextTable.Of(headings, texts: byModule ? 3 : 2, rows);
    }

    private static string[] Cells(ProfileEntry entry, ProfileEntry total)
    {
        double ms = entry.Milliseconds;
        return
        [
            entry.Name, entry.Part, TextTable.Number(entry.Calls, "F0", entry.Calls > 0),
            TextTable.Number(ms, "F3"), TextTable.Number(100 * ms / total.Milliseconds, "F1", total.Ticks > 0),
            TextTable.Number(entry.Operations / ms / 1e6, "F1", entry.Operations > 0 && ms > 0),
            // What a region moves is moved inside it too: a convolution's backward leaves the work to its two gradients.
            TextTable.Number(entry.Bytes / entry.InclusiveMilliseconds / 1e6, "F1", entry.Bytes > 0 && entry.InclusiveTicks > 0 && entry != total),
            TextTable.Bytes(entry.Bytes), TextTable.Bytes(entry.TakenBytes), TextTable.Bytes(entry.FreshBytes),
        ];
    }
}
