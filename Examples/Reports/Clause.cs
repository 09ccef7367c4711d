namespace MiniDL.Examples.Reports;

/// <summary>What a run says to a claim, or to a part of it.</summary>
internal enum Verdict
{
    Agrees,
    Contradicts,
    Inconclusive,
}

/// <summary>
/// One comparison of measured values, a part of a claim. A claim agrees when all its clauses do, and contradicts when one does;
/// a clause says neither when the difference is within the noise, when the nets do no better than guessing, or when a run has
/// no result.
/// </summary>
/// <param name="Reason">Why it is inconclusive.</param>
internal readonly record struct Clause(Verdict Verdict, string Reason = "")
{
    private const string Diverged = "a run diverged or has no result";
    private const string Chance = "not clearly better than guessing";

    /// <summary>a &lt; b. The better of two nets must have learned something; the other may be at chance.</summary>
    public static Clause Below(Estimate a, Estimate b)
    {
        if (Unfit(a, b) is { } unfit) return unfit;
        double lead = b.Value - a.Value, noise = double.IsFinite(lead) ? a.NoiseAgainst(b) : 0;
        return lead > noise ? new(Verdict.Agrees) : lead < -noise ? new(Verdict.Contradicts) : Within(lead, noise);
    }

    /// <summary>a ≤ b, but for a tolerance; where the noise is more than twice that, the run cannot tell.</summary>
    public static Clause NotAbove(Estimate a, Estimate b, double tolerance)
    {
        if (Unfit(a, b) is { } unfit) return unfit;
        double excess = a.Value - b.Value, noise = double.IsFinite(excess) ? a.NoiseAgainst(b) : 0;
        if (excess > Math.Max(tolerance, noise)) return new(Verdict.Contradicts);
        return excess <= tolerance && noise <= 2 * tolerance ? new(Verdict.Agrees) : Within(excess, noise);
    }

    /// <summary>a ≈ b: apart by no more than a tolerance.</summary>
    public static Clause Same(Estimate a, Estimate b, double tolerance) =>
        All(NotAbove(a, b, tolerance), NotAbove(b, a, tolerance));

    /// <summary>A net learns something. That it does not may be for want of steps, so it contradicts nothing.</summary>
    public static Clause Learns(Estimate a) => a.Learned ? new(Verdict.Agrees) : new(Verdict.Inconclusive, Chance);

    /// <summary>A net stays at chance, or diverges.</summary>
    public static Clause DoesNotLearn(Estimate a) => a.IsChance || double.IsNaN(a.Value) ? new(Verdict.Agrees)
        : a.Learned ? new(Verdict.Contradicts)
        : new(Verdict.Inconclusive, "neither clearly at chance nor clearly better");

    /// <summary>What is computed, not sampled: it holds or it does not.</summary>
    public static Clause Holds(bool holds) => new(holds ? Verdict.Agrees : Verdict.Contradicts);

    /// <summary>All of them together. The reason is that of the first that is inconclusive.</summary>
    public static Clause All(params IEnumerable<Clause> clauses)
    {
        Clause[] all = [.. clauses];
        foreach (var verdict in new[] { Verdict.Contradicts, Verdict.Inconclusive })
            if (Array.FindIndex(all, clause => clause.Verdict == verdict) is >= 0 and var index) return all[index];
        return all.Length > 0 ? new(Verdict.Agrees) : new(Verdict.Inconclusive, "nothing was measured");
    }

    /// <summary>Two values that cannot be compared.</summary>
    private static Clause? Unfit(Estimate a, Estimate b)
    {
        if (double.IsNaN(a.Value) || double.IsNaN(b.Value) || (double.IsInfinity(a.Value) && double.IsInfinity(b.Value)))
            return new Clause(Verdict.Inconclusive, Diverged);
        var better = a.Value <= b.Value ? a : b;
        return better is { Guessing: not null, Learned: false } ? new Clause(Verdict.Inconclusive, Chance) : null;
    }

    private static Clause Within(double difference, double noise) => new(Verdict.Inconclusive,
        FormattableString.Invariant($"a difference of {Math.Abs(difference):G2} is within the noise of {noise:G2}"));
}
