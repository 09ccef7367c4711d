using MiniDL.Backends;

namespace MiniDL.Layers;

/// <summary>
/// Batch normalization: <c>y = (x − mean) / √(variance + eps) · weight + bias</c>, with mean and variance of each channel taken over
/// the batch and all positions. Training mode uses the statistics of the batch and updates running averages of them; evaluation mode
/// uses the running averages as constants. Ioffe and Szegedy 2015.
/// </summary>
/// <remarks>
/// As in PyTorch, the batch is normalized with the biased variance, but the unbiased one (divided by n − 1) goes into the running
/// average. State: <c>weight</c>, <c>bias</c>, <c>running_mean</c>, <c>running_var</c>, <c>num_batches_tracked</c>.
/// </remarks>
/// <example><code>foreach (var (path, module) in model.NamedModules()) if (module is BatchNorm bn) bn.Momentum = 0.01;</code></example>
public abstract class BatchNorm : MeanVarianceNorm
{
    private readonly string _shape;
    private readonly int _minRank, _maxRank;
    private readonly RunningStatistics? _running;

    private protected BatchNorm(string shape, int minRank, int maxRank, int numFeatures, double eps, double? momentum, bool affine,
        bool trackRunningStats, string operation = "batch_norm") : base(operation, eps)
    {
        Check.That(numFeatures > 0, Operation, $"numFeatures {numFeatures} must be positive.");
        (_shape, _minRank, _maxRank, NumFeatures, Momentum) = (shape, minRank, maxRank, numFeatures, momentum);
        RegisterAffine([numFeatures], affine, affine);
        if (trackRunningStats) _running = RegisterRunningStatistics(numFeatures);
    }

    /// <summary>The number of channels.</summary>
    public int NumFeatures { get; }

    /// <summary>The weight of the newest batch in the running statistics; null averages all batches equally.</summary>
    public double? Momentum { get; set; }

    /// <summary>The running mean, [channels]; null if none is tracked.</summary>
    public ModuleBuffer? RunningMean => _running?.Mean;

    /// <summary>The running, unbiased variance, [channels]; null if none is tracked.</summary>
    public ModuleBuffer? RunningVar => _running?.Spread;

    /// <summary>How many batches went into the running statistics, I64 []; null if none are tracked.</summary>
    public ModuleBuffer? NumBatchesTracked => _running?.Batches;

    /// <summary>
    /// If set, receives mean and biased variance of each batch in training mode, [samples, channels], and the running statistics stay
    /// unchanged: for <see cref="PreciseBatchNorm"/>, and for inspecting a model without changing it.
    /// </summary>
    public Action<Tensor, Tensor, NormGeometry>? StatisticsObserver { get; set; }

    private protected override NormGeometry Geometry(Shape x)
    {
        Check.That(x.Rank >= _minRank && x.Rank <= _maxRank, Operation, $"input {x} has {x.Rank} dimensions, expected {_shape}.");
        Check.That(x[1] == NumFeatures, Operation,
            $"input {x} has {x[1]} channels, the layer has {NumFeatures}. Match numFeatures to what comes before.");
        int positions = x.Count / NumFeatures;
        Check.That(Constants is not null || positions != 1, Operation,
            $"{(Training ? "training" : "evaluation without running statistics")} needs more than one value per channel, got input {x}. "
            + $"Use a larger batch, drop the last incomplete batch (dropLast: true), or another norm (GroupNorm does not average over the batch).");
        return new NormGeometry(Samples: 1, positions, NumFeatures, Groups: NumFeatures);
    }

    internal override NormGeometry? StatisticsOf(Shape images) => Constants is null ? GeometryOf(images) : null;

    private protected override int[] Reduced(Tensor x) => [0, .. From(2, x)];

    private protected override (Tensor Mean, Tensor Variance)? Constants =>
        Training || _running is null ? null : (_running.Mean.Value, _running.Spread.Value);

    private protected override void Observe(Tensor mean, Tensor variance, in NormGeometry geometry)
    {
        if (!Training || _running is null) return;
        double n = geometry.ValuesPerStatistic;
        if (StatisticsObserver is not null) StatisticsObserver(mean, variance, geometry);
        else _running.Update(mean, variance, geometry.Samples, Momentum, correction: n / (n - 1));
    }
}

/// <summary>Batch normalization of features [N, C] or sequences [N, C, L].</summary>
/// <inheritdoc cref="BatchNorm"/>
/// <example><code>var norm = new BatchNorm1d(numFeatures: 32);</code></example>
public sealed class BatchNorm1d : BatchNorm
{
    /// <summary>Makes the layer: weight 1, bias 0, running mean 0, running variance 1.</summary>
    /// <param name="numFeatures">C, the number of channels.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="momentum">The weight of the newest batch in the running statistics; null averages all batches equally.</param>
    /// <param name="affine">Whether there are a weight and a bias.</param>
    /// <param name="trackRunningStats">Whether running statistics are kept; without them evaluation uses the batch's own.</param>
    public BatchNorm1d(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = true, bool trackRunningStats = true)
        : base("[N, C] or [N, C, L]", 2, 3, numFeatures, eps, momentum, affine, trackRunningStats)
    {
    }
}

/// <summary>Batch normalization of images [N, C, H, W].</summary>
/// <inheritdoc cref="BatchNorm"/>
/// <example><code>var norm = new BatchNorm2d(numFeatures: 16, momentum: null);      // null: the mean over all batches so far</code></example>
public sealed class BatchNorm2d : BatchNorm
{
    /// <inheritdoc cref="BatchNorm1d(int, double, double?, bool, bool)"/>
    public BatchNorm2d(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = true, bool trackRunningStats = true)
        : base("[N, C, H, W]", 4, 4, numFeatures, eps, momentum, affine, trackRunningStats)
    {
    }
}

/// <summary>Batch normalization of volumes [N, C, D, H, W].</summary>
/// <inheritdoc cref="BatchNorm"/>
/// <example><code>var norm = new BatchNorm3d(numFeatures: 16);</code></example>
public sealed class BatchNorm3d : BatchNorm
{
    /// <inheritdoc cref="BatchNorm1d(int, double, double?, bool, bool)"/>
    public BatchNorm3d(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = true, bool trackRunningStats = true)
        : base("[N, C, D, H, W]", 5, 5, numFeatures, eps, momentum, affine, trackRunningStats)
    {
    }
}
