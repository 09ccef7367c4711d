namespace MiniDL.Examples.Reports;

/// <summary>
/// A measured quantity, from one seed or several, with what is known about how far another run would be from it. Of a quantity
/// with a level of guessing, an error or a loss, less is better.
/// </summary>
/// <remarks>
/// The noise of a difference is the larger of two: what the seeds say, by Student's t at 95 %, and twice the standard error
/// that follows from <see cref="Deviation"/>, so that two seeds which agree by chance, or a single one, do not look exact.
/// </remarks>
internal sealed record Estimate
{
    /// <summary>By how much the error of another seed is taken to deviate: this part of the error, or of the accuracy where that is
    /// less.</summary>
    private const double SeedDeviation = 0.02;

    /// <summary>A loss is above chance below this part of the loss of guessing.</summary>
    private const double LearnedLoss = 0.9;

    /// <summary>Quantiles of Student's t for 1, 2, … degrees of freedom, 95 % two-sided.</summary>
    private static readonly double[] StudentsT = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23];

    private readonly double[] _runs;

    private Estimate(IEnumerable<double> runs, Func<double, double> deviationAt)
    {
        _runs = [.. runs];
        if (_runs.Length == 0) _runs = [double.NaN];
        Value = _runs.Average();
        Deviation = double.IsFinite(Value) ? deviationAt(Value) : 0;
    }

    /// <summary>The mean over the seeds. NaN: there is none; infinite: the training diverged, which is worse than any number.</summary>
    public double Value { get; }

    /// <summary>The least that one run is taken to deviate from the next.</summary>
    public double Deviation { get; }

    /// <summary>What guessing gives; null for a quantity that has no such level.</summary>
    public double? Guessing { get; private init; }

    /// <summary>Something is learned below this.</summary>
    private double LearnedBelow { get; init; }

    /// <summary>Clearly better than guessing, from every seed.</summary>
    public bool Learned => Guessing is { } guessing && Value + Noise < guessing && Array.TrueForAll(_runs, run => run < LearnedBelow);

    /// <summary>Not to be told from guessing, or diverged.</summary>
    public bool IsChance => Guessing is { } guessing && Value + Noise >= guessing;

    private double Noise => 2 * Deviation / Math.Sqrt(_runs.Length);

    /// <summary>
    /// A test error in percent. The noise is that of counting errors on so many images, and what another seed may change.
    /// Something is learned when at least twice as many images are right as by guessing.
    /// </summary>
    public static Estimate Error(IEnumerable<double> percent, int testImages, int classes)
    {
        double guessed = 100.0 / classes;
        return new Estimate(percent, error =>
        {
            double rarer = Math.Min(error, 100 - error), seed = SeedDeviation * rarer;
            return Math.Sqrt(error * (100 - error) / testImages + seed * seed);
        })
        {
            Guessing = 100 - guessed,
            LearnedBelow = 100 - Math.Min(2 * guessed, (guessed + 100) / 2),
        };
    }

    /// <summary>A cross-entropy.</summary>
    /// <param name="deviation">The least that one run is taken to deviate.</param>
    public static Estimate Loss(double value, double deviation, int classes) => new([value], _ => deviation)
    {
        Guessing = Math.Log(classes),
        LearnedBelow = LearnedLoss * Math.Log(classes),
    };

    /// <summary>Any other quantity, from one run or several.</summary>
    /// <param name="deviation">The least that one run is taken to deviate.</param>
    public static Estimate Of(IEnumerable<double> runs, double deviation) => new(runs, _ => deviation);

    /// <summary>A quantity from one run that may deviate by a part of itself.</summary>
    public static Estimate Relative(double value, double deviation) => new([value], v => deviation * Math.Abs(v));

    /// <summary>A number without noise.</summary>
    public static Estimate Exact(double value) => new([value], _ => 0);

    /// <summary>Differences up to this are noise.</summary>
    public double NoiseAgainst(Estimate other)
    {
        double assumed = 2 * Math.Sqrt(Deviation * Deviation / _runs.Length + other.Deviation * other.Deviation / other._runs.Length);
        int freedom = _runs.Length + other._runs.Length - 2;
        if (freedom == 0) return assumed;
        double pooled = (SumOfSquares + other.SumOfSquares) / freedom;
        double parts = (IsExact ? 0 : 1.0 / _runs.Length) + (other.IsExact ? 0 : 1.0 / other._runs.Length);
        double t = freedom <= StudentsT.Length ? StudentsT[freedom - 1] : 2.2;
        return Math.Max(assumed, t * Math.Sqrt(pooled * parts));
    }

    private bool IsExact => Deviation == 0 && _runs.Length == 1;

    private double SumOfSquares => _runs.Sum(run => (run - Value) * (run - Value));
}
