namespace MiniDL.Layers;

/// <summary>
/// A layer of the EvoNorm family: normalization and activation of images [N, C, H, W] in one expression, found by automated
/// search. Liu et al. 2020.
/// </summary>
/// <remarks>
/// It replaces norm and ReLU together. Without its activation, as at the end of a residual branch, only
/// <c>x · weight + bias</c> is left, as in timm. State, by timm's names: <c>weight</c>, <c>bias</c> and, with the activation, <c>v</c>, [C] each.
/// </remarks>
/// <example><code>EvoNorm norm = new EvoNormS0(groups: 4, channels: 16);</code></example>
public abstract class EvoNorm : Norm
{
    private readonly int _channels;

    private protected EvoNorm(string operation, int channels, double eps, bool activation)
    {
        Check.That(channels > 0, operation, $"channels {channels} must be positive.");
        Check.That(eps >= 0, operation, $"eps {eps} must not be negative.");
        (Operation, Eps, _channels) = (operation, eps, channels);
        Weight = RegisterParameter("weight", Tensor.Ones([channels]));
        Bias = RegisterParameter("bias", Tensor.Zeros([channels]));
        if (activation) V = RegisterParameter("v", Tensor.Ones([channels]));
    }

    /// <summary>Added to variances.</summary>
    public double Eps { get; }

    /// <summary>The scale γ, 1 at first.</summary>
    public Parameter Weight { get; }

    /// <summary>The shift β, 0 at first.</summary>
    public Parameter Bias { get; }

    /// <summary>v, the slope inside the activation, 1 at first; null without the activation.</summary>
    public Parameter? V { get; }

    /// <inheritdoc/>
    public override bool IncludesActivation => V is not null;

    /// <summary>What errors call it.</summary>
    private protected string Operation { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x)
    {
        CheckImages(Operation, x, _channels);
        var y = V is null ? x : Activated(x, AlongChannels(V.Value, x));
        return y * AlongChannels(Weight.Value, x) + AlongChannels(Bias.Value, x);
    }

    /// <summary>x normalized and activated, before weight and bias are applied.</summary>
    private protected abstract Tensor Activated(Tensor x, Tensor v);

    /// <summary>The biased variance over some dimensions, which keep size 1.</summary>
    private protected static Tensor Variance(Tensor x, params ReadOnlySpan<int> dims) =>
        (x - x.Mean(dims, keepDim: true)).Square().Mean(dims, keepDim: true);
}

/// <summary>
/// EvoNorm-S0, each sample by itself: <c>y = x · sigmoid(v · x) / √(variance + eps) · weight + bias</c>, with the biased variance taken
/// over the pixels and channels of each group, as in <see cref="GroupNorm"/>.
/// </summary>
/// <inheritdoc cref="EvoNorm"/>
/// <example><code>var norm = new EvoNormS0(groups: 4, channels: 16);</code></example>
public sealed class EvoNormS0 : EvoNorm
{
    private readonly int _groups;

    /// <summary>Makes the layer: weight 1, bias 0, v 1.</summary>
    /// <param name="groups">The number of groups of channels.</param>
    /// <param name="channels">C, the number of channels.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="activation">Whether it normalizes and activates; if false, only weight and bias are applied.</param>
    /// <exception cref="ShapeException">The channels are not divisible by the groups, or a setting is out of range.</exception>
    public EvoNormS0(int groups, int channels, double eps = 1e-5, bool activation = true) : base("evonorm_s0", channels, eps, activation)
    {
        Check.That(groups > 0 && channels % groups == 0, Operation,
            $"{channels} channels are not divisible by {groups} groups. Use a divisor of {channels}.");
        _groups = groups;
    }

    private protected override Tensor Activated(Tensor x, Tensor v)
    {
        var grouped = x.Reshape(x.Shape[0], _groups, x.Shape[1] / _groups, x.Shape[2], x.Shape[3]);
        var deviation = (Variance(grouped, 2, 3, 4) + Eps).Sqrt();
        return ((x * (x * v).Sigmoid()).Reshape(grouped.Shape.Sizes) / deviation).Reshape(x.Shape.Sizes);
    }
}

/// <summary>
/// EvoNorm-B0, over the batch: <c>y = x / max(√(s²_batch + eps), v · x + √(s²_instance + eps)) · weight + bias</c>. Both are biased
/// variances of a channel: s²_batch over the batch and its pixels, s²_instance over the pixels of each image.
/// </summary>
/// <remarks>
/// In evaluation, s²_batch is a running, unbiased variance, updated like that of <see cref="BatchNorm"/>: <c>running_var</c> [C], an
/// additional entry of the state. Without the activation nothing is normalized, and there is no such entry.
/// </remarks>
/// <example><code>var norm = new EvoNormB0(channels: 16);</code></example>
public sealed class EvoNormB0 : EvoNorm
{
    private readonly double _momentum;

    /// <summary>Makes the layer: weight 1, bias 0, v 1, running variance 1.</summary>
    /// <param name="channels">C, the number of channels.</param>
    /// <param name="eps">Added to the variances.</param>
    /// <param name="momentum">The weight of the newest batch in the running variance.</param>
    /// <param name="activation">Whether it normalizes and activates; if false, only weight and bias are applied.</param>
    /// <exception cref="ShapeException">A setting is out of range.</exception>
    public EvoNormB0(int channels, double eps = 1e-3, double momentum = 0.1, bool activation = true)
        : base("evonorm_b0", channels, eps, activation)
    {
        _momentum = momentum;
        if (activation) RunningVar = RegisterBuffer("running_var", Tensor.Ones([channels]));
    }

    /// <summary>The running, unbiased variance, [C]; null without the activation.</summary>
    public ModuleBuffer? RunningVar { get; }

    private protected override Tensor Activated(Tensor x, Tensor v)
    {
        var batch = Training ? Observed(Variance(x, 0, 2, 3), x) : AlongChannels(RunningVar!.Value, x);
        return x / (batch + Eps).Sqrt().Maximum(x * v + (Variance(x, 2, 3) + Eps).Sqrt());
    }

    private Tensor Observed(Tensor variance, Tensor x)
    {
        int n = x.Count / x.Shape[1];
        Check.That(n != 1, Operation, $"training needs more than one value per channel, got input {x.Shape}. Use a larger batch.");
        if (n > 0) RunningStatistics.Blend(RunningVar!.Value, variance.Detach(), _momentum, _momentum * n / (n - 1));
        return variance;
    }
}
