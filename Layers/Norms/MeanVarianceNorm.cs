using MiniDL.Backends;

namespace MiniDL.Layers;

/// <summary>
/// The common part of BatchNorm, InstanceNorm, GroupNorm and LayerNorm: <c>y = (x − mean) / √(variance + eps) · weight + bias</c>,
/// with the biased variance (divided by n). They differ in which values share a mean and a variance.
/// </summary>
/// <example><code>
/// MeanVarianceNorm norm = new GroupNorm(groups: 4, channels: 16, affine: false);      // weight and bias are null
/// </code></example>
public abstract class MeanVarianceNorm : Norm
{
    private protected MeanVarianceNorm(string operation, double eps)
    {
        Check.That(eps >= 0, operation, $"eps {eps} must not be negative.");
        (Operation, Eps) = (operation, eps);
    }

    /// <summary>Added to the variance, so that constant values do not cause a division by zero.</summary>
    public double Eps { get; }

    /// <summary>The scale γ, 1 at first; null if there is none.</summary>
    public Parameter? Weight { get; private set; }

    /// <summary>The shift β, 0 at first; null if there is none.</summary>
    public Parameter? Bias { get; private set; }

    /// <summary>What errors call it.</summary>
    private protected string Operation { get; }

    private protected void RegisterAffine(Shape shape, bool weight, bool bias)
    {
        if (weight) Weight = RegisterParameter("weight", Tensor.Ones(shape));
        if (bias) Bias = RegisterParameter("bias", Tensor.Zeros(shape));
    }

    /// <summary>Which values share a statistic, for the fused form.</summary>
    /// <exception cref="ShapeException">The input does not fit.</exception>
    private protected abstract NormGeometry Geometry(Shape x);

    /// <summary>x reshaped so that the definition can reduce over the dimensions <see cref="Reduced"/>.</summary>
    private protected virtual Tensor Grouped(Tensor x) => x;

    /// <summary>The dimensions of <see cref="Grouped"/> over which mean and variance are taken.</summary>
    private protected abstract int[] Reduced(Tensor grouped);

    /// <summary>Mean and variance to use instead of the input's own, [channels]; null to use the input's own.</summary>
    private protected virtual (Tensor Mean, Tensor Variance)? Constants => null;

    /// <summary>Receives the input's own mean and biased variance, [samples, groups]; not called for an empty input, which has none.</summary>
    private protected virtual void Observe(Tensor mean, Tensor variance, in NormGeometry geometry)
    {
    }

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x)
    {
        var geometry = Geometry(x.Shape);
        Tensor centred, variance;
        if (Constants is var (runningMean, runningVariance))
            (centred, variance) = (x - AlongChannels(runningMean, x), AlongChannels(runningVariance, x));
        else
        {
            var grouped = Grouped(x);
            int[] reduced = Reduced(grouped);
            var mean = grouped.Mean(reduced, keepDim: true);
            centred = grouped - mean;
            variance = centred.Square().Mean(reduced, keepDim: true);
            if (x.Count > 0) Observe(mean.Detach(), variance.Detach(), geometry);
        }
        var y = (centred / (variance + Eps).Sqrt()).Reshape(x.Shape.Sizes);
        if (Weight is not null) y *= IsChannelwise ? AlongChannels(Weight.Value, x) : Weight.Value;
        if (Bias is not null) y += IsChannelwise ? AlongChannels(Bias.Value, x) : Bias.Value;
        return y;
    }

    /// <inheritdoc/>
    protected override Tensor? ForwardFused(Tensor x, Tensor? residual, Activation activation) => Normalized(x, null, residual, activation);

    private protected override Tensor? ForwardFused(Tensor x, ChannelStatistics? known, Tensor? residual, Activation activation) =>
        known is null ? ForwardFused(x, residual, activation) : Normalized(x, known, residual, activation);

    private Tensor Normalized(Tensor x, ChannelStatistics? known, Tensor? residual, Activation activation)
    {
        var geometry = Geometry(x.Shape);
        // Channels last exists up to rank 5; more spatial dimensions can be joined into one without changing the result.
        if (x.Rank > 5 && IsChannelwise)
            return Normalized(Joined(x), known, residual is null ? null : Joined(residual), activation).Reshape(x.Shape.Sizes);
        var layout = x.Rank >= 3 && IsChannelwise ? Layout.ChannelsLast : Layout.RowMajor;
        var arguments = Arguments(geometry, x.Device, known, residual?.To(x.DType).ToLayout(layout), activation);
        // A training pass may change the running statistics before this graph's backward pass.
        if (arguments.Constant && !NoGrad.Active)
            arguments = arguments with { Mean = arguments.Mean.Clone(), Variance = arguments.Variance.Clone() };
        var y = new NormalizeOp(x.ToLayout(layout), arguments, known is not null).Run();
        if (!arguments.Constant && x.Count > 0) Observe(arguments.Mean, arguments.Variance, geometry);
        return y;
    }

    private NormArguments Arguments(NormGeometry geometry, Device device, ChannelStatistics? known, Tensor? residual, Activation activation)
    {
        var statistics = Constants is var (mean, variance) ? new NormArguments(geometry, mean, variance, Eps, Constant: true)
            : known is not null ? new NormArguments(geometry, known.Mean, known.Variance, Eps)
            : NormArguments.ByOwnStatistics(geometry, device, Eps);
        return statistics with { Weight = Weight?.Value, Bias = Bias?.Value, Residual = residual, Activation = activation };
    }

    internal override NormArguments? OnRead(Tensor images, ChannelStatistics known, Activation activation)
    {
        using var running = new RunningModule(this);
        var norm = Arguments(known.Geometry, images.Device, known, null, activation);
        if (images.Count > 0) Observe(norm.Mean, norm.Variance, known.Geometry);
        return norm;
    }

    /// <summary><see cref="Geometry"/>, whose errors name this module.</summary>
    private protected NormGeometry GeometryOf(Shape images)
    {
        using var running = new RunningModule(this);
        return Geometry(images);
    }

    internal override bool TreatsImagesAlone => Constants is not null;

    internal override NormArguments? OfImages(Shape images, Device device, Tensor? residual, Activation activation)
    {
        using var running = new RunningModule(this);
        var geometry = Geometry(images);
        bool imageByImage = Constants is not null || (geometry.Samples, geometry.Positions) == (images[0], images[2] * images[3]);
        if (!IsChannelwise || !imageByImage || (residual is not null && residual.Shape != images)) return null;
        return Arguments(geometry, device, null, residual?.AsImages(), activation);
    }

    /// <summary>Whether weight and bias have one value per channel (dimension 1), rather than one per value of the last dimensions.</summary>
    private protected virtual bool IsChannelwise => true;

    /// <summary>[N, C, …spatial] as [N, C, positions].</summary>
    private static Tensor Joined(Tensor x) => x.Reshape(x.Shape[0], x.Shape[1], x.Shape.Product(2, x.Rank));
}
