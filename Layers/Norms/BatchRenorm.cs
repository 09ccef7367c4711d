using MiniDL.Backends;

namespace MiniDL.Layers;

/// <summary>
/// Batch renormalization: <c>y = ((x − mean) / σ · r + d) · weight + bias</c> in training, with <c>r = clip(σ / σ_run, 1/r_max, r_max)</c> and
/// <c>d = clip((mean − mean_run) / σ_run, −d_max, d_max)</c>, both constants in backward. Within these limits the output is what
/// evaluation would give, which is <see cref="BatchNorm"/> with its running statistics. Ioffe 2017.
/// </summary>
/// <remarks>
/// <c>σ = √(variance + eps)</c> of the batch and <c>σ_run = √(running_var + eps)</c>, with the running statistics as they were before this
/// batch. Running statistics and state are those of <see cref="BatchNorm"/> (the paper averages σ, not its square), so checkpoints of
/// either can be loaded into the other. The paper starts with r_max 1 and d_max 0, which is batch normalization, and after 5,000
/// steps raises them linearly to 3 (at step 40,000) and 5 (at 25,000): set <see cref="RMax"/> and <see cref="DMax"/> between steps. The
/// defaults are those that the GN paper uses for small batches, from the start.
/// </remarks>
/// <example><code>
/// foreach (var (path, module) in model.NamedModules()) if (module is BatchRenorm brn) (brn.RMax, brn.DMax) = (3, 5);
/// </code></example>
public abstract class BatchRenorm : BatchNorm
{
    private double _rMax = 1, _dMax;

    private protected BatchRenorm(string shape, int minRank, int maxRank, int numFeatures, double rMax, double dMax, double eps,
        double? momentum, bool affine) : base(shape, minRank, maxRank, numFeatures, eps, momentum, affine, true, "batch_renorm")
    {
        (RMax, DMax) = (rMax, dMax);
    }

    /// <summary>The limit r_max on the factor that corrects the batch's σ, at least 1.</summary>
    /// <exception cref="ShapeException">It is below 1.</exception>
    public double RMax
    {
        get => _rMax;
        set
        {
            Check.That(value >= 1, Operation, $"rMax {value} must be at least 1.");
            _rMax = value;
        }
    }

    /// <summary>The limit d_max on the correction of the batch's mean, in units of σ_run, at least 0.</summary>
    /// <exception cref="ShapeException">It is below 0.</exception>
    public double DMax
    {
        get => _dMax;
        set
        {
            Check.That(value >= 0, Operation, $"dMax {value} must be at least 0.");
            _dMax = value;
        }
    }

    internal override NormGeometry? StatisticsOf(Shape images) => null;

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x)
    {
        if (Constants is not null || x.Count == 0) return base.ForwardPlain(x);
        var geometry = Geometry(x.Shape);
        int[] dims = Reduced(x);
        var mean = x.Mean(dims, keepDim: true);
        var centred = x - mean;
        var variance = centred.Square().Mean(dims, keepDim: true);
        var (r, d) = Correction(mean.Detach(), variance.Detach());
        Observe(mean.Detach(), variance.Detach(), geometry);
        var y = centred / (variance + Eps).Sqrt() * AlongChannels(r, x) + AlongChannels(d, x);
        return Weight is null ? y : y * AlongChannels(Weight.Value, x) + AlongChannels(Bias!.Value, x);
    }

    /// <inheritdoc/>
    /// <remarks>One fused normalization with the weight γ·r and the bias γ·d + β.</remarks>
    protected override Tensor? ForwardFused(Tensor x, Tensor? residual, Activation activation)
    {
        if (Constants is not null || x.Count == 0) return base.ForwardFused(x, residual, activation);
        var geometry = Geometry(x.Shape);
        var layout = x.Rank >= 3 ? Layout.ChannelsLast : Layout.RowMajor;
        x = x.ToLayout(layout);
        var norm = NormArguments.ByOwnStatistics(geometry, x.Device, Eps);
        x.Device.Backend.Moments(x, norm.Mean, norm.Variance, geometry);
        var (r, d) = Correction(norm.Mean, norm.Variance);
        Observe(norm.Mean, norm.Variance, geometry);
        var (weight, bias) = Weight is null ? (r, d) : (Weight.Value * r, Weight.Value * d + Bias!.Value);
        norm = norm with { Weight = weight, Bias = bias, Residual = residual?.To(x.DType).ToLayout(layout), Activation = activation };
        return new NormalizeOp(x, norm, known: true).Run();
    }

    /// <summary>r and d, [channels] each, from the batch's statistics and the running ones.</summary>
    private (Tensor R, Tensor D) Correction(Tensor mean, Tensor variance)
    {
        using var noGrad = new NoGrad();
        var running = (RunningVar!.Value + Eps).Sqrt();
        var r = (variance.Reshape(NumFeatures) + Eps).Sqrt() / running;
        var d = (mean.Reshape(NumFeatures) - RunningMean!.Value) / running;
        return (Limited(r, 1 / RMax, RMax), Limited(d, -DMax, DMax));
    }

    /// <summary>Clips on the device: a step that reads values on the host cannot be recorded.</summary>
    private static Tensor Limited(Tensor x, double low, double high)
    {
        Tensor Bound(double value) => Tensor.Full([1], value, x.Device, x.DType);
        return -(-x.Maximum(Bound(low))).Maximum(Bound(-high));
    }
}

/// <summary>Batch renormalization of features [N, C] or sequences [N, C, L].</summary>
/// <inheritdoc cref="BatchRenorm"/>
/// <example><code>var norm = new BatchRenorm1d(numFeatures: 32);</code></example>
public sealed class BatchRenorm1d : BatchRenorm
{
    /// <summary>Makes the layer: weight 1, bias 0, running mean 0, running variance 1.</summary>
    /// <param name="numFeatures">C, the number of channels.</param>
    /// <param name="rMax">The limit r_max on the factor that corrects the batch's σ, at least 1.</param>
    /// <param name="dMax">The limit d_max on the correction of the batch's mean, in units of σ_run, at least 0.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="momentum">The weight of the newest batch in the running statistics; null averages all batches equally.</param>
    /// <param name="affine">Whether there are a weight and a bias.</param>
    /// <exception cref="ShapeException">A setting is out of range.</exception>
    public BatchRenorm1d(int numFeatures, double rMax = 1.5, double dMax = 0.5, double eps = 1e-5, double? momentum = 0.1,
        bool affine = true) : base("[N, C] or [N, C, L]", 2, 3, numFeatures, rMax, dMax, eps, momentum, affine)
    {
    }
}

/// <summary>Batch renormalization of images [N, C, H, W].</summary>
/// <inheritdoc cref="BatchRenorm"/>
/// <example><code>var norm = new BatchRenorm2d(numFeatures: 16, rMax: 3, dMax: 5);</code></example>
public sealed class BatchRenorm2d : BatchRenorm
{
    /// <inheritdoc cref="BatchRenorm1d(int, double, double, double, double?, bool)"/>
    public BatchRenorm2d(int numFeatures, double rMax = 1.5, double dMax = 0.5, double eps = 1e-5, double? momentum = 0.1,
        bool affine = true) : base("[N, C, H, W]", 4, 4, numFeatures, rMax, dMax, eps, momentum, affine)
    {
    }
}
