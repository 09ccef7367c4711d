namespace MiniDL.Examples.Reports;

/// <summary>Where a claim comes from.</summary>
internal enum Source
{
    /// <summary>A paper reports it.</summary>
    Paper,

    /// <summary>It is derived, or holds by construction.</summary>
    Theory,
}

/// <summary>What a finding rests on, and so what takes its verdict away.</summary>
internal enum Basis
{
    /// <summary>A dataset's images: nothing is found out about them on others.</summary>
    Images,

    /// <summary>A training on numbers that are drawn: it must be long enough.</summary>
    Training,

    /// <summary>A calculation.</summary>
    Calculation,
}

/// <summary>A claim, and whether this run bears it out; on the page and on the console.</summary>
/// <param name="Claim">In a sentence: <c>BN trains at a rate at which the plain net does not</c>.</param>
/// <param name="Known">What the paper reports, or what theory says.</param>
/// <param name="Ours">What was measured here.</param>
/// <param name="Clauses">A comparison for each thing that the claim says.</param>
internal sealed record Finding(string Claim, string Known, string Ours, params IReadOnlyList<Clause> Clauses)
{
    public Source Source { get; init; } = Source.Paper;

    public Basis Basis { get; init; } = Basis.Images;

    /// <summary>Why this run must not judge, whatever was measured; null where it may.</summary>
    public string? Withheld { get; init; }

    public Verdict Verdict => Withheld is null ? Judged.Verdict : Verdict.Inconclusive;

    /// <summary>Why it is inconclusive; empty otherwise.</summary>
    public string Reason => Verdict == Verdict.Inconclusive ? Withheld ?? Judged.Reason : "";

    /// <summary>One word for the verdict.</summary>
    public string Word => Verdict.ToString().ToLowerInvariant();

    /// <summary>What <see cref="Known"/> is: <c>paper</c> or <c>theory</c>.</summary>
    public string SourceWord => Source.ToString().ToLowerInvariant();

    /// <summary>The whole of it in a line.</summary>
    public override string ToString() =>
        $"{Word,-12} {Claim}: {SourceWord} {Known}; here {Ours}{(Reason.Length > 0 ? $" ({Reason})" : "")}";

    private Clause Judged => Clause.All(Clauses);
}
