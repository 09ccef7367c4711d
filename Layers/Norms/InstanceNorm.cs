using MiniDL.Backends;

namespace MiniDL.Layers;

/// <summary>
/// Instance normalization: <c>y = (x − mean) / √(variance + eps) · weight + bias</c>, with mean and variance of each channel of each
/// image taken over its positions, in training and in evaluation alike. Ulyanov et al. 2016.
/// </summary>
/// <remarks>
/// As in PyTorch, weight, bias and running statistics are off by default, and an input without the batch dimension is one
/// image. If running statistics are on, evaluation uses them as constants. Each update averages, over the batch, the statistics of the
/// single images; a null momentum leaves them unchanged, and <c>num_batches_tracked</c> is never counted up. Unlike PyTorch,
/// which only warns, a wrong number of channels is an error even without weight and bias.
/// </remarks>
/// <example><code>InstanceNorm norm = new InstanceNorm2d(numFeatures: 16, affine: true);</code></example>
public abstract class InstanceNorm : MeanVarianceNorm
{
    private readonly string _shape;
    private readonly int _rank;
    private readonly RunningStatistics? _running;

    private protected InstanceNorm(string shape, int rank, int numFeatures, double eps, double? momentum, bool affine,
        bool trackRunningStats) : base("instance_norm", eps)
    {
        Check.That(numFeatures > 0, Operation, $"numFeatures {numFeatures} must be positive.");
        (_shape, _rank, NumFeatures, Momentum) = (shape, rank, numFeatures, momentum);
        RegisterAffine([numFeatures], affine, affine);
        if (trackRunningStats) _running = RegisterRunningStatistics(numFeatures);
    }

    /// <summary>The number of channels.</summary>
    public int NumFeatures { get; }

    /// <summary>The weight of the newest batch in the running statistics; null leaves them unchanged.</summary>
    public double? Momentum { get; set; }

    /// <summary>The running mean, [channels]; null if none is tracked.</summary>
    public ModuleBuffer? RunningMean => _running?.Mean;

    /// <summary>The running, unbiased variance, [channels]; null if none is tracked.</summary>
    public ModuleBuffer? RunningVar => _running?.Spread;

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x) =>
        IsImage(x) ? base.ForwardPlain(AsBatch(x)).Reshape(x.Shape.Sizes) : base.ForwardPlain(x);

    /// <inheritdoc/>
    protected override Tensor? ForwardFused(Tensor x, Tensor? residual, Activation activation) =>
        IsImage(x)
            ? base.ForwardFused(AsBatch(x), residual is null ? null : AsBatch(residual), activation)!.Reshape(x.Shape.Sizes)
            : base.ForwardFused(x, residual, activation);

    /// <summary>Whether x is one image without the batch dimension.</summary>
    private bool IsImage(Tensor x) => x.Rank == _rank - 1;

    private static Tensor AsBatch(Tensor x) => x.Reshape([1, .. x.Shape.Sizes]);

    private protected override NormGeometry Geometry(Shape x)
    {
        Check.That(x.Rank == _rank, Operation, $"input {x} has {x.Rank} dimensions, expected {_shape}.");
        Check.That(x[1] == NumFeatures, Operation,
            $"input {x} has {x[1]} channels, the layer has {NumFeatures}. Match numFeatures to what comes before.");
        int positions = x.Product(2, x.Rank);
        if (Constants is not null) return new NormGeometry(Samples: 1, x[0] * positions, NumFeatures, Groups: NumFeatures);
        Check.That(positions > 1 || x.Count == 0, Operation,
            $"needs more than one position per image, got input {x}. Use larger images, or a norm over channels (GroupNorm).");
        return new NormGeometry(x[0], positions, NumFeatures, Groups: NumFeatures);
    }

    internal override NormGeometry? StatisticsOf(Shape images) => Constants is null ? GeometryOf(images) : null;

    private protected override int[] Reduced(Tensor x) => From(2, x);

    private protected override (Tensor Mean, Tensor Variance)? Constants =>
        Training || _running is null ? null : (_running.Mean.Value, _running.Spread.Value);

    private protected override void Observe(Tensor mean, Tensor variance, in NormGeometry geometry)
    {
        if (!Training || _running is null || Momentum is not { } momentum) return;
        double n = geometry.ValuesPerStatistic;
        _running.Update(mean, variance, geometry.Samples, momentum, correction: n / (n - 1), count: false);
    }
}

/// <summary>Instance normalization of sequences [N, C, L] or [C, L].</summary>
/// <inheritdoc cref="InstanceNorm"/>
/// <example><code>var norm = new InstanceNorm1d(numFeatures: 32);</code></example>
public sealed class InstanceNorm1d : InstanceNorm
{
    /// <summary>Makes the layer: weight 1, bias 0, running mean 0, running variance 1, each if it exists.</summary>
    /// <param name="numFeatures">C, the number of channels.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="momentum">The weight of the newest batch in the running statistics; null leaves them unchanged.</param>
    /// <param name="affine">Whether there are a weight and a bias.</param>
    /// <param name="trackRunningStats">Whether running statistics are kept and used in evaluation.</param>
    public InstanceNorm1d(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStats = false)
        : base("[N, C, L] or [C, L]", 3, numFeatures, eps, momentum, affine, trackRunningStats)
    {
    }
}

/// <summary>Instance normalization of images [N, C, H, W] or [C, H, W].</summary>
/// <inheritdoc cref="InstanceNorm"/>
/// <example><code>var norm = new InstanceNorm2d(numFeatures: 16, affine: true);</code></example>
public sealed class InstanceNorm2d : InstanceNorm
{
    /// <inheritdoc cref="InstanceNorm1d(int, double, double?, bool, bool)"/>
    public InstanceNorm2d(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStats = false)
        : base("[N, C, H, W] or [C, H, W]", 4, numFeatures, eps, momentum, affine, trackRunningStats)
    {
    }
}

/// <summary>Instance normalization of volumes [N, C, D, H, W] or [C, D, H, W].</summary>
/// <inheritdoc cref="InstanceNorm"/>
/// <example><code>var norm = new InstanceNorm3d(numFeatures: 16);</code></example>
public sealed class InstanceNorm3d : InstanceNorm
{
    /// <inheritdoc cref="InstanceNorm1d(int, double, double?, bool, bool)"/>
    public InstanceNorm3d(int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStats = false)
        : base("[N, C, D, H, W] or [C, D, H, W]", 5, numFeatures, eps, momentum, affine, trackRunningStats)
    {
    }
}
