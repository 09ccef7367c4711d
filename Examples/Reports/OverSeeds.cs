namespace MiniDL.Examples.Reports;

/// <summary>A quantity that was measured once for each seed: its mean and its range.</summary>
/// <param name="Low">The least of the seeds.</param>
/// <param name="High">The largest.</param>
/// <param name="Seeds">How many there are.</param>
internal readonly record struct OverSeeds(double Mean, double Low, double High, int Seeds)
{
    public static OverSeeds Of(IReadOnlyCollection<double> runs) => new(runs.Average(), runs.Min(), runs.Max(), runs.Count);

    /// <summary>A quantity of every epoch, as far as all seeds came.</summary>
    /// <param name="runs">The epochs of each seed.</param>
    public static OverSeeds[] OfEpochs<T>(IReadOnlyList<IReadOnlyList<T>> runs, Func<T, double> quantity) =>
        [.. Enumerable.Range(0, runs.Min(run => run.Count)).Select(epoch => Of([.. runs.Select(run => quantity(run[epoch]))]))];

    /// <summary>How far the seeds are apart.</summary>
    public double Range => High - Low;
}
