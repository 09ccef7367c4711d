using System.Globalization;

namespace MiniDL.Tests.Examples.Studies;

public sealed class InvarianceTests(InvarianceTests.Study study) : IClassFixture<InvarianceTests.Study>
{
    private readonly Minidl _minidl = study.Minidl;

    /// <summary>The study, run once for all tests.</summary>
    public sealed class Study : IDisposable
    {
        public Study() => Assert.Equal(0, Minidl.Run("study invariance --smallest --out @s"));

        public Minidl Minidl { get; } = new();

        public void Dispose() => Minidl.Dispose();
    }

    [Fact]
    public void Outputs_are_invariant_to_what_the_paper_says_within_1e_4_and_to_nothing_else()
    {
        // Ba, Kiros and Hinton 2016, table 1: weight matrix rescaled and recentred, weight vector rescaled, data rescaled and recentred,
        // single case rescaled.
        var paper = new Dictionary<string, string> { ["BN"] = "101110", ["WN"] = "101000", ["LN"] = "110101" };
        var rows = _minidl.Rows("s/invariance.csv").GroupBy(row => row[0]).ToDictionary(g => g.Key, g => g.Select(Change).ToArray());
        foreach (var (norm, invariant) in paper)
        {
            Assert.Equal(invariant, string.Concat(rows[norm].Select(change => change < 1e-4 ? '1' : '0')));
            Assert.All(rows[norm].Where(change => change >= 1e-4), change => Assert.InRange(change, 0.1, 3));
        }
        Assert.All(rows["none"], change => Assert.True(change > 0.1));
        // Three times the data is three times the output.
        Assert.Equal(2, rows["none"][3], 5);
    }

    [Fact]
    public void Only_BN_s_output_for_a_fixed_image_depends_on_the_batch_and_the_more_the_smaller_it_is()
    {
        var spreads = _minidl.Rows("s/batch_spread.csv").ToLookup(row => row[0], Change);
        double[] bn = [.. spreads["BN"]];
        Assert.Equal(["2", "8", "32"], _minidl.Rows("s/batch_spread.csv").Where(row => row[0] == "BN").Select(row => row[1]));
        Assert.True(bn[0] > bn[1] && bn[1] > bn[2] && bn[2] > 0.01);
        foreach (string norm in new[] { "GN", "LN", "IN" }) Assert.All(spreads[norm], spread => Assert.Equal(0, spread, 6));
    }

    [Fact]
    public void What_is_derived_keeps_its_verdict_on_stand_in_images_and_the_spread_over_them_has_none()
    {
        AssertStandIn.IsAnnounced(_minidl, "s");
        Assert.Contains("\nagrees       BN, WN and LN are invariant", _minidl.Output, StringComparison.Ordinal);
        Assert.Contains("\ninconclusive The spread of BN's output", _minidl.Output, StringComparison.Ordinal);
    }

    private static double Change(string[] row) => double.Parse(row[2], CultureInfo.InvariantCulture);
}
