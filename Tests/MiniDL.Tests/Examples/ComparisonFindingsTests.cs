using MiniDL.Examples.Comparisons;
using MiniDL.Examples.Options;
using MiniDL.Examples.Reports;

namespace MiniDL.Tests.Examples;

/// <summary>What a comparison finds in tables of errors on 1,000 images of ten classes.</summary>
public sealed class ComparisonFindingsTests
{
    private const double Diverged = double.NaN;

    public static TheoryData<string, double, double, double, double, string, string> Tables => new()
    {
        { "as in the paper", 40, 60, 45, 46, "agrees", "agrees" },
        { "GN gets worse too", 40, 60, 45, 55, "contradicts", "inconclusive" },
        { "GN gets better by ten", 45.8, 56.5, 60.7, 49.9, "contradicts", "agrees" },
        { "GN moves a little more than it may", 40, 60, 45, 49, "inconclusive", "agrees" },
        { "BN gets better", 60, 40, 45, 45, "contradicts", "inconclusive" },
        { "BN hardly moves", 50, 52, 50, 50, "inconclusive", "inconclusive" },
        { "BN stays ahead", 30, 40, 50, 51, "agrees", "contradicts" },
        { "all at chance", 93.8, 93.8, 93.8, 93.8, "inconclusive", "inconclusive" },
        { "BN at chance throughout, and worse", 90, 97, 45, 45, "inconclusive", "agrees" },
        { "GN at chance throughout", 40, 60, 90, 90, "inconclusive", "contradicts" },
        { "BN falls to chance", 40, 90, 45, 45, "agrees", "agrees" },
        { "BN diverges", 40, Diverged, 45, 45, "inconclusive", "inconclusive" },
        { "all diverge", Diverged, Diverged, Diverged, Diverged, "inconclusive", "inconclusive" },
    };

    [Theory]
    [MemberData(nameof(Tables))]
    public void Findings_agree_only_when_all_that_they_say_is_above_the_noise(
        string table, double bnLarge, double bnSmall, double gnLarge, double gnSmall, string change, string lead)
    {
        Assert.NotEmpty(table);
        var findings = Of([("bn", 32, bnLarge), ("bn", 8, bnLarge), ("bn", 2, bnSmall), ("gn", 32, gnLarge), ("gn", 2, gnSmall)]);
        Assert.Equal([change, lead], findings.Select(finding => finding.Word));
        Assert.All(findings, finding => Assert.Equal("paper", finding.SourceWord));
        Assert.All(findings, finding => Assert.Contains("synthetic images", finding.Ours, StringComparison.Ordinal));
    }

    [Fact]
    public void Seeds_that_differ_more_than_the_norms_leave_it_open()
    {
        (string, int, double)[] runs = [.. from seed in new[] { -12, 0, 12 }
                                           from run in new[] { ("bn", 32, 40.0), ("bn", 2, 52.0), ("gn", 32, 45.0), ("gn", 2, 45.0) }
                                           select (run.Item1, run.Item2, run.Item3 + seed)];
        Assert.All(Of(runs), finding => Assert.Equal(Verdict.Inconclusive, finding.Verdict));
    }

    [Theory]
    [InlineData(4, 2)]
    [InlineData(32, 32)]
    public void Without_a_range_of_batch_sizes_nothing_is_found(int large, int small) =>
        Assert.Empty(Of([("bn", large, 40), ("bn", small, 60), ("gn", large, 45), ("gn", small, 45)]));

    /// <summary>The findings in runs of these norms, batch sizes and errors; the same one twice is another seed.</summary>
    private static Finding[] Of((string Norm, int Size, double Error)[] runs)
    {
        var settings = ComparisonSettings.Of(new CompareOptions().SettingsOf("bn", 32, 0), 0.1, 128);
        var epochs = runs.GroupBy(run => (run.Norm, run.Size)).SelectMany(seeds => seeds.Index().Select(run =>
            new ComparedEpoch(new RunKey(run.Item.Norm, run.Item.Size, (ulong)run.Index), 1, 1, 50,
                double.IsNaN(run.Item.Error) ? double.NaN : 1, run.Item.Error, 1)));
        return [.. ComparisonFindings.Of(settings, epochs, testImages: 1000, classes: 10)];
    }
}
