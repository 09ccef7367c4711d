using MiniDL.Optim;

namespace MiniDL.Examples.Training;

/// <summary>An optimizer of the command line, with the rate and decay that it usually starts from.</summary>
/// <param name="Name">What <c>--optimizer</c> calls it.</param>
/// <param name="Rate">The learning rate at the base batch of 128.</param>
/// <param name="Scaling">
/// The power of batch / base batch that the rate is scaled by: 1 for SGD (Goyal et al. 2017), ½ for Adam, whose steps do not grow with the gradient,
/// only their noise shrinks with the batch (Malladi et al. 2022, "On the SDEs and scaling rules for adaptive gradient algorithms").
/// </param>
/// <param name="WeightDecay">Where none is given.</param>
/// <param name="Create">Makes it with a run's settings.</param>
internal sealed record OptimizerChoice(string Name, double Rate, double Scaling, double WeightDecay,
    Func<IEnumerable<Parameter>, TrainSettings, Optimizer> Create)
{
    public const int BaseBatch = 128;

    private static readonly OptimizerChoice[] Choices =
    [
        new("sgd", 0.1, 1, 1e-4, (parameters, s) => new Sgd(parameters, (float)s.LearningRate, (float)s.Momentum, weightDecay: (float)s.WeightDecay)),
        new("adam", 1e-3, 0.5, 1e-4, (parameters, s) => new Adam(parameters, (float)s.LearningRate, weightDecay: (float)s.WeightDecay)),
        new("adamw", 1e-3, 0.5, 0.01, (parameters, s) => new AdamW(parameters, (float)s.LearningRate, weightDecay: (float)s.WeightDecay)),
    ];

    public static IReadOnlyList<string> Names { get; } = [.. Choices.Select(choice => choice.Name)];

    /// <summary>The optimizer of a name; SGD where there is none, or one that <see cref="TrainSettings.Checked"/> will refuse.</summary>
    public static OptimizerChoice Named(string? name) => Array.Find(Choices, choice => choice.Name == name) ?? Choices[0];

    /// <summary>The learning rate at a batch size.</summary>
    public double ScaledRate(int batchSize, double baseRate, int baseBatch = BaseBatch) =>
        Scaling == 1 ? baseRate * batchSize / baseBatch : baseRate * Math.Pow((double)batchSize / baseBatch, Scaling);

    /// <summary>The rule as people write it.</summary>
    public string Rule(double baseRate, int baseBatch) => FormattableString.Invariant(
        $"{baseRate} · {(Scaling == 1 ? $"batch / {baseBatch}" : $"√(batch / {baseBatch})")}");
}
