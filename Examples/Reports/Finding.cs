namespace MiniDL.Examples.Reports;

/// <summary>A claim of the paper, and whether this run bears it out; on the page and on the console.</summary>
/// <param name="Claim">In a sentence: <c>BN trains at a rate at which the plain net does not</c>.</param>
/// <param name="Paper">What the paper reports.</param>
/// <param name="Ours">What was measured here.</param>
/// <param name="Agrees">True where it agrees, false where it contradicts, null where this run cannot tell.</param>
internal sealed record Finding(string Claim, string Paper, string Ours, bool? Agrees)
{
    /// <summary>One word for it.</summary>
    public string Verdict => Agrees switch { true => "agrees", false => "contradicts", null => "open" };
}
