using MiniDL.Examples.Reports;

namespace MiniDL.Tests.Examples.Reports;

public sealed class ClauseTests
{
    private static readonly Clause Yes = Clause.Holds(true), No = Clause.Holds(false), Open = new(Verdict.Inconclusive, "open");

    /// <summary>An error on 1,000 images of ten classes.</summary>
    private static Estimate Error(params double[] seeds) => Estimate.Error(seeds, 1000, 10);

    private static string Word(Clause clause) => clause.Verdict.ToString().ToLowerInvariant();

    [Fact]
    public void A_claim_agrees_when_every_clause_does_and_contradicts_when_one_does()
    {
        Assert.Equal(Verdict.Agrees, Clause.All(Yes, Yes).Verdict);
        Assert.Equal(Verdict.Contradicts, Clause.All(Yes, Open, No).Verdict);
        Assert.Equal(Open, Clause.All(Yes, Open));
        Assert.Equal(Verdict.Inconclusive, Clause.All().Verdict);
    }

    // The noise of 50 % against 45 % is 2 √((0.5 · 0.5 + 0.45 · 0.55) / 1,000 + 0.01² + 0.009²) = 5.2 %.
    [Theory]
    [InlineData(50, 44, "contradicts")]
    [InlineData(50, 46, "inconclusive")]
    [InlineData(46, 50, "inconclusive")]
    [InlineData(44, 50, "agrees")]
    public void A_lead_counts_when_it_is_above_the_noise_of_one_seed(double a, double b, string verdict) =>
        Assert.Equal(verdict, Word(Clause.Below(Error(a), Error(b))));

    [Fact]
    public void With_seeds_their_own_spread_counts_and_two_that_agree_by_chance_are_not_exact()
    {
        Assert.Equal(Verdict.Agrees, Clause.Below(Error(40, 41, 42), Error(50, 51, 52)).Verdict);
        Assert.Equal(Verdict.Inconclusive, Clause.Below(Error(30, 41, 52), Error(40, 51, 62)).Verdict);
        Assert.Equal(Verdict.Inconclusive, Clause.Below(Error(48, 48), Error(50, 50)).Verdict);
        // Student's t for two seeds each at 95 % is 4.30: 4.30 · √(8 / 2 + 8 / 2) = 12.2 with standard deviations of √8.
        Assert.Equal(12.2, Error(40, 44).NoiseAgainst(Error(60, 64)), 0.05);
        // Of many seeds the noise is that of their means.
        double[] many = [.. Enumerable.Range(0, 20).Select(i => 49.0 + i % 3)];
        Assert.Equal(Verdict.Agrees, Clause.Below(Error(many), Error([.. many.Select(e => e + 2)])).Verdict);
    }

    [Theory]
    [InlineData(93.8, 93.8)]
    [InlineData(90, 60.1, "contradicts")]
    [InlineData(60, 90, "agrees")]
    [InlineData(81, 91)]
    [InlineData(88.8, 80.5)]
    public void Between_nets_of_which_none_is_clearly_above_chance_there_is_no_verdict(double a, double b, string verdict = "inconclusive") =>
        Assert.Equal(verdict, Word(Clause.Below(Error(a), Error(b))));

    [Fact]
    public void Chance_follows_from_the_number_of_classes_and_of_images()
    {
        Assert.True(Error(79).Learned);
        Assert.False(Error(81).Learned);
        Assert.True(Estimate.Error([95], 10_000, 100).Learned);
        Assert.False(Estimate.Error([45], 1000, 2).Learned);
        Assert.True(Estimate.Error([20], 1000, 2).Learned);
        // Of ten images four right are no more than luck.
        Assert.False(Estimate.Error([60], 10, 10).Learned && Estimate.Error([70], 10, 10).Learned);
        Assert.False(Estimate.Loss(2.2, 0.05, 10).Learned);
        Assert.True(Estimate.Loss(2.0, 0.05, 10).Learned);
    }

    [Theory]
    [InlineData(50, 51, "agrees")]
    [InlineData(50, 47.5, "agrees")]
    [InlineData(50, 54, "inconclusive")]
    [InlineData(50, 60, "contradicts")]
    [InlineData(60, 50, "contradicts")]
    [InlineData(90, 90, "inconclusive")]
    public void To_stay_the_same_is_within_a_tolerance_both_ways(double from, double to, string verdict) =>
        Assert.Equal(verdict, Word(Clause.Same(Error(from), Error(to), 3)));

    [Fact]
    public void With_more_noise_than_tolerance_nothing_stays_the_same() =>
        Assert.Equal(Verdict.Inconclusive,
            Clause.Same(Estimate.Error([50], 100, 10), Estimate.Error([50], 100, 10), 3).Verdict);

    [Fact]
    public void A_run_without_a_result_decides_nothing_and_an_infinite_loss_is_worse_than_any()
    {
        Estimate Loss(double value) => Estimate.Loss(value, 0.05, 10);
        Assert.Equal(Verdict.Inconclusive, Clause.Below(Error(40), Error(double.NaN)).Verdict);
        Assert.Equal(Verdict.Inconclusive, Clause.Below(Error(40, double.NaN), Error(60, 60)).Verdict);
        Assert.Equal(Verdict.Inconclusive, Clause.Same(Error(double.NaN), Error(40), 3).Verdict);
        Assert.Equal(Verdict.Inconclusive, Clause.Below(Error(), Error(40)).Verdict);
        Assert.Equal(Verdict.Agrees, Clause.Below(Loss(1), Loss(double.PositiveInfinity)).Verdict);
        Assert.Equal(Verdict.Contradicts, Clause.Below(Loss(double.PositiveInfinity), Loss(1)).Verdict);
        Assert.Equal(Verdict.Inconclusive, Clause.Below(Loss(double.PositiveInfinity), Loss(double.PositiveInfinity)).Verdict);
    }

    [Theory]
    [InlineData(1.0, "agrees", "contradicts")]
    [InlineData(2.15, "inconclusive", "inconclusive")]
    [InlineData(2.3, "inconclusive", "agrees")]
    [InlineData(double.PositiveInfinity, "inconclusive", "agrees")]
    public void A_loss_is_learned_or_at_chance_or_neither(double loss, string learns, string doesNot)
    {
        Assert.Equal(learns, Word(Clause.Learns(Estimate.Loss(loss, 0.05, 10))));
        Assert.Equal(doesNot, Word(Clause.DoesNotLearn(Estimate.Loss(loss, 0.05, 10))));
    }

    [Fact]
    public void A_withheld_verdict_is_inconclusive_for_its_own_reason_and_keeps_what_was_measured()
    {
        var report = new Report("r");
        report.Add(new Finding("of images", "k", "41", Yes));
        report.Add(new Finding("of theory", "k", "42", No) { Source = Source.Theory, Basis = Basis.Calculation });
        report.Withhold("stand-in data", Basis.Images);
        Assert.Equal(["inconclusive of images: paper k; here 41 (stand-in data)", "contradicts  of theory: theory k; here 42"],
            report.Findings.Select(finding => $"{finding}"));
    }
}
