namespace MiniDL.Layers;

/// <summary>
/// ℓp batch normalization: <c>y = (x − mean) / (norm + eps) · weight + bias</c> with <c>norm = (mean |x|ᵖ)^(1/p)</c>, or <c>max |x|</c> for
/// p = ∞, taken for each channel over the batch and all positions, before the mean is subtracted. Santurkar et al. 2018, §3.3. They
/// give no formula; this one follows "fix the first moment as BatchNorm does, then normalize by the average of their ℓp-norm (before
/// shifting the mean)".
/// </summary>
/// <remarks>
/// The paper does not say what evaluation uses. Here it uses running averages of mean and norm, updated like those of BatchNorm but
/// without a bias correction. For a channel of zeros the gradient through the norm is 0. State: <c>weight</c>, <c>bias</c>,
/// <c>running_mean</c>, <c>running_norm</c>, <c>num_batches_tracked</c>.
/// </remarks>
/// <example><code>LpBatchNorm norm = new LpBatchNorm2d(numFeatures: 16, p: 1);</code></example>
public abstract class LpBatchNorm : Norm
{
    private const string Operation = "lp_batch_norm";

    private readonly string _shape;
    private readonly int _minRank, _maxRank;
    private readonly double _eps;
    private readonly RunningStatistics? _running;

    private protected LpBatchNorm(string shape, int minRank, int maxRank, int numFeatures, double p, double eps, double? momentum,
        bool affine, bool trackRunningStats)
    {
        Check.That(numFeatures > 0, Operation, $"numFeatures {numFeatures} must be positive.");
        Check.That(p >= 1, Operation, $"p {p} must be at least 1; double.PositiveInfinity takes the largest value.");
        (_shape, _minRank, _maxRank, NumFeatures, P, _eps, Momentum) = (shape, minRank, maxRank, numFeatures, p, eps, momentum);
        if (affine) Weight = RegisterParameter("weight", Tensor.Ones([numFeatures]));
        if (affine) Bias = RegisterParameter("bias", Tensor.Zeros([numFeatures]));
        if (trackRunningStats) _running = RegisterRunningStatistics(numFeatures, "running_norm");
    }

    /// <summary>The number of channels.</summary>
    public int NumFeatures { get; }

    /// <summary>Which norm: 1, 2, … or <see cref="double.PositiveInfinity"/>.</summary>
    public double P { get; }

    /// <summary>The weight of the newest batch in the running statistics; null averages all batches equally.</summary>
    public double? Momentum { get; set; }

    /// <summary>The scale γ, 1 at first; null if there is none.</summary>
    public Parameter? Weight { get; }

    /// <summary>The shift β, 0 at first; null if there is none.</summary>
    public Parameter? Bias { get; }

    /// <summary>The running mean, [channels]; null if none is tracked.</summary>
    public ModuleBuffer? RunningMean => _running?.Mean;

    /// <summary>The running ℓp norm, [channels]; null if none is tracked.</summary>
    public ModuleBuffer? RunningNorm => _running?.Spread;

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x)
    {
        Check.That(x.Rank >= _minRank && x.Rank <= _maxRank && x.Shape[1] == NumFeatures, Operation,
            $"input {x.Shape} should be {_shape} with {NumFeatures} channels. Match numFeatures to what comes before.");
        bool constant = !Training && _running is not null;
        Check.That(constant || x.Count / NumFeatures != 1, Operation,
            $"needs more than one value per channel, got input {x.Shape}. Use a larger batch, or a norm that does not average over it.");
        var y = x;
        if (x.Count > 0)
        {
            var (mean, norm) = constant
                ? (AlongChannels(_running!.Mean.Value, x), AlongChannels(_running.Spread.Value, x))
                : Statistics(x);
            y = (x - mean) / (norm + _eps);
        }
        return Weight is null ? y : y * AlongChannels(Weight.Value, x) + AlongChannels(Bias!.Value, x);
    }

    private (Tensor Mean, Tensor Norm) Statistics(Tensor x)
    {
        int[] dims = [0, .. From(2, x)];
        var mean = x.Mean(dims, keepDim: true);
        var norm = P switch
        {
            1 => x.Abs().Mean(dims, keepDim: true),
            2 => x.Square().Mean(dims, keepDim: true).NormRoot(),
            double.PositiveInfinity => x.Abs().Max(dims, keepDim: true),
            _ => x.Abs().Pow(P).Mean(dims, keepDim: true).NormRoot(P),
        };
        if (Training) _running?.Update(mean.Detach(), norm.Detach(), samples: 1, Momentum);
        return (mean, norm);
    }
}

/// <summary>ℓp batch normalization of features [N, C] or sequences [N, C, L].</summary>
/// <inheritdoc cref="LpBatchNorm"/>
/// <example><code>var norm = new LpBatchNorm1d(numFeatures: 32, p: 1);</code></example>
public sealed class LpBatchNorm1d : LpBatchNorm
{
    /// <summary>Makes the layer: weight 1, bias 0, running mean 0, running norm 1.</summary>
    /// <param name="numFeatures">C, the number of channels.</param>
    /// <param name="p">Which norm: 1, 2, … or <see cref="double.PositiveInfinity"/>.</param>
    /// <param name="eps">Added to the norm.</param>
    /// <param name="momentum">The weight of the newest batch in the running statistics; null averages all batches equally.</param>
    /// <param name="affine">Whether there are a weight and a bias.</param>
    /// <param name="trackRunningStats">Whether running statistics are kept; without them evaluation uses the batch's own.</param>
    public LpBatchNorm1d(int numFeatures, double p = 2, double eps = 1e-5, double? momentum = 0.1, bool affine = true,
        bool trackRunningStats = true) : base("[N, C] or [N, C, L]", 2, 3, numFeatures, p, eps, momentum, affine, trackRunningStats)
    {
    }
}

/// <summary>ℓp batch normalization of images [N, C, H, W].</summary>
/// <inheritdoc cref="LpBatchNorm"/>
/// <example><code>var norm = new LpBatchNorm2d(numFeatures: 16, p: double.PositiveInfinity);</code></example>
public sealed class LpBatchNorm2d : LpBatchNorm
{
    /// <inheritdoc cref="LpBatchNorm1d(int, double, double, double?, bool, bool)"/>
    public LpBatchNorm2d(int numFeatures, double p = 2, double eps = 1e-5, double? momentum = 0.1, bool affine = true,
        bool trackRunningStats = true) : base("[N, C, H, W]", 4, 4, numFeatures, p, eps, momentum, affine, trackRunningStats)
    {
    }
}
