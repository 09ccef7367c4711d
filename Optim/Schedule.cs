using System.Globalization;

namespace MiniDL.Optim;

/// <summary>
/// How the learning rate changes during training: at any time it is the base rate times <see cref="Factor"/>.
/// Schedules use fractions of the training, so they mean the same for any number of epochs.
/// </summary>
/// <example><code>
/// var schedule = Schedule.Parse("step:0.5,0.8");
/// sgd.LearningRate = (float)(0.1 * schedule.Factor(progress: 0.6));
/// </code></example>
public abstract record Schedule
{
    private const int MaxLength = 1_000;

    private const string Forms = "none, step:0.5,0.8 (times 0.1 at those fractions; step:0.5,0.8*0.2 for another factor), cosine, "
        + "warmup:0.05,cosine (rising over that fraction, then any other)";

    /// <summary>The factor on the base learning rate.</summary>
    /// <param name="progress">The fraction of the training that is done, 0 to 1: steps (or epochs) done / total.</param>
    public abstract double Factor(double progress);

    /// <summary>
    /// Reads what <see cref="ToString"/> writes: <c>none</c>, <c>step:0.5,0.8</c>, <c>cosine</c>, <c>warmup:0.05,cosine</c>.
    /// </summary>
    /// <exception cref="MiniDLException">The text is none of these; the message lists them.</exception>
    public static Schedule Parse(string text)
    {
        // Warm-ups may be nested, but not so deeply that parsing overflows the stack.
        if (text.Length > MaxLength) throw new MiniDLException($"[schedule] '{Quote.Text(text)}' has more than {MaxLength} characters.");
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        var (name, settings) = colon < 0 ? (text, "") : (text[..colon], text[(colon + 1)..]);
        return (name, colon >= 0) switch
        {
            ("none", false) => new ConstantSchedule(),
            ("cosine", false) => new CosineSchedule(),
            ("step", true) => ParseStep(text, settings),
            ("warmup", true) => ParseWarmUp(text, settings),
            _ => throw Unknown(text),
        };
    }

    /// <summary>The text that <see cref="Parse"/> reads.</summary>
    public abstract override string ToString();

    private static StepSchedule ParseStep(string text, string settings)
    {
        int star = settings.IndexOf('*', StringComparison.Ordinal);
        var milestones = (star < 0 ? settings : settings[..star]).Split(',').Select(part => Number(text, part)).ToArray();
        return star < 0 ? new StepSchedule(milestones) : new StepSchedule(milestones, Number(text, settings[(star + 1)..]));
    }

    private static WarmUpSchedule ParseWarmUp(string text, string settings)
    {
        int comma = settings.IndexOf(',', StringComparison.Ordinal);
        // The fraction is checked first: in 0,05 (a decimal comma) the 0 is what is wrong, not the "schedule" 05 after the comma.
        double fraction = Fraction("warm-up", Number(text, comma < 0 ? settings : settings[..comma]));
        return new WarmUpSchedule(fraction, comma < 0 ? new ConstantSchedule() : Parse(settings[(comma + 1)..]));
    }

    /// <summary>Part of the text as a number, without sign or spaces, which <see cref="ToString"/> never writes.</summary>
    private static double Number(string text, string part)
    {
        const NumberStyles plain = NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return double.TryParse(part, plain, CultureInfo.InvariantCulture, out double number) ? number : throw Unknown(text);
    }

    private static MiniDLException Unknown(string text) => new($"[schedule] '{Quote.Text(text)}' is not a schedule. Use one of: {Forms}.");

    private protected static double Fraction(string what, double value) =>
        value is > 0 and < 1 ? value
            : throw new MiniDLException($"[schedule] the {what} {Text(value)} must be a fraction of the training, between 0 and 1, "
                + "with a point before its decimals: 0.5.");

    private protected static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The base rate throughout.</summary>
/// <example><code>double factor = new ConstantSchedule().Factor(progress: 0.5);      // 1</code></example>
public sealed record ConstantSchedule : Schedule
{
    /// <inheritdoc/>
    public override double Factor(double progress) => 1;

    /// <inheritdoc/>
    public override string ToString() => "none";
}

/// <summary>Multiplies by gamma at each milestone: γᵏ, with k the number of milestones reached (He et al. 2016: 0.1 at 0.5 and 0.75).</summary>
/// <example><code>double factor = new StepSchedule([0.5, 0.8], gamma: 0.1).Factor(progress: 0.6);      // 0.1</code></example>
public sealed record StepSchedule : Schedule
{
    private readonly double[] _milestones;

    /// <summary>Makes a schedule.</summary>
    /// <param name="milestones">Fractions of the training, increasing, each between 0 and 1.</param>
    /// <param name="gamma">The factor at each milestone, more than 0.</param>
    /// <exception cref="MiniDLException">The milestones are not increasing between 0 and 1, or gamma is out of range.</exception>
    public StepSchedule(IEnumerable<double> milestones, double gamma = 0.1)
    {
        _milestones = milestones.Select(m => Fraction("milestone", m)).ToArray();
        Gamma = gamma > 0 && double.IsFinite(gamma) ? gamma
            : throw new MiniDLException($"[schedule] the factor {Text(gamma)} must be positive.");
        if (_milestones.Length == 0) throw new MiniDLException("[schedule] steps need at least one milestone.");
        for (int i = 1; i < _milestones.Length; i++)
            if (_milestones[i] <= _milestones[i - 1])
                throw new MiniDLException($"[schedule] the milestones {Quote.List(_milestones.Select(Text))} must increase.");
    }

    /// <summary>The fractions of the training at which the rate drops.</summary>
    public IReadOnlyList<double> Milestones => _milestones;

    /// <summary>The factor at each milestone.</summary>
    public double Gamma { get; }

    /// <inheritdoc/>
    public override double Factor(double progress) => Math.Pow(Gamma, _milestones.Count(m => progress >= m));

    /// <summary>Whether milestones and factor are equal.</summary>
    public bool Equals(StepSchedule? other) =>
        other is not null && Gamma == other.Gamma && _milestones.AsSpan().SequenceEqual(other._milestones);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Gamma, _milestones.Length, _milestones[0]);

    /// <inheritdoc/>
    public override string ToString() => $"step:{string.Join(',', _milestones.Select(Text))}{(Gamma == 0.1 ? "" : $"*{Text(Gamma)}")}";
}

/// <summary>Half a cosine from the base rate to 0: (1 + cos(π · progress)) / 2. Loshchilov and Hutter 2017, "SGDR", one period.</summary>
/// <example><code>double factor = new CosineSchedule().Factor(progress: 0.5);      // 0.5</code></example>
public sealed record CosineSchedule : Schedule
{
    /// <inheritdoc/>
    public override double Factor(double progress) => (1 + Math.Cos(Math.PI * Math.Clamp(progress, 0, 1))) / 2;

    /// <inheritdoc/>
    public override string ToString() => "cosine";
}

/// <summary>
/// Linear warm-up before another schedule: min(1, 0.1 + 0.9 · progress / fraction) · then(progress). It starts at a tenth of the rate,
/// not at 0, where the first step would do nothing.
/// Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.2.
/// </summary>
/// <example><code>var schedule = new WarmUpSchedule(fraction: 0.05, new CosineSchedule());</code></example>
public sealed record WarmUpSchedule : Schedule
{
    /// <summary>The factor of the first step.</summary>
    public const double Start = 0.1;

    /// <summary>Makes a schedule.</summary>
    /// <param name="fraction">The fraction of the training during which the rate rises, between 0 and 1.</param>
    /// <param name="then">The schedule to warm up to; its progress counts from the start of the training.</param>
    /// <exception cref="MiniDLException">The fraction is out of range.</exception>
    public WarmUpSchedule(double fraction, Schedule then)
    {
        WarmUp = Fraction("warm-up", fraction);
        Then = then;
    }

    /// <summary>The fraction of the training during which the rate rises.</summary>
    public double WarmUp { get; }

    /// <summary>The schedule to warm up to.</summary>
    public Schedule Then { get; }

    /// <inheritdoc/>
    public override double Factor(double progress) => Math.Min(1, Start + (1 - Start) * progress / WarmUp) * Then.Factor(progress);

    /// <inheritdoc/>
    public override string ToString() => $"warmup:{Text(WarmUp)},{Then}";
}
