namespace MiniDL.Examples.Comparisons;

/// <summary>Says in words where the curves of the norms cross that of BN.</summary>
internal static class CurveCrossings
{
    /// <summary>Points of error; curves that are nearer than this are neither ahead nor behind.</summary>
    private const double Apart = 1;

    /// <summary>A sentence a norm: <c>BN is ahead of GN at every batch size.</c>; nothing where BN was not compared at two sizes with another.</summary>
    public static string Describe(IReadOnlyList<SummaryRow> summary) => string.Join(" ", summary.Select(row => row.Norm).Distinct()
        .Where(norm => norm != "bn").Select(norm => Describe(summary, norm)).Where(sentence => sentence.Length > 0));

    private static string Describe(IReadOnlyList<SummaryRow> summary, string norm)
    {
        // How far BN is behind, from the largest batch to the smallest; where one diverged nothing can be said.
        var all = (from bn in summary
                   from other in summary
                   where bn.Norm == "bn" && other.Norm == norm && bn.BatchSize == other.BatchSize
                   orderby bn.BatchSize descending
                   select (bn.BatchSize, Gap: bn.TestErrorMean - other.TestErrorMean))
            .Where(point => double.IsFinite(point.Gap)).ToArray();
        if (all.Length < 2) return "";
        string name = norm.ToUpperInvariant();
        var gaps = all.Where(point => Math.Abs(point.Gap) >= Apart).ToArray();
        if (gaps.Length == 0) return $"BN and {name} are within a point of each other at every batch size.";
        string[] crossings = [.. gaps.Zip(gaps.Skip(1)).Where(pair => pair.First.Gap > 0 != pair.Second.Gap > 0)
            .Select(pair => $"between {pair.First.BatchSize} and {pair.Second.BatchSize} images")];
        string first = gaps[0].Gap < 0 ? $"BN is ahead of {name}" : $"{name} is ahead of BN";
        return crossings.Length == 0 ? $"{first} at every batch size{(gaps.Length < all.Length ? " where they are a point apart or more" : "")}."
            : $"{first} at {gaps[0].BatchSize} images; the curves cross {string.Join(" and ", crossings)}.";
    }
}
