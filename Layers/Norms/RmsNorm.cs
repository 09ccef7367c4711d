namespace MiniDL.Layers;

/// <summary>
/// Root mean square normalization: <c>y = x / √(mean(x²) + eps) · weight</c>, with the mean taken over the last dimensions. Zhang and
/// Sennrich 2019.
/// </summary>
/// <remarks>State: <c>weight</c>, of the normalized shape.</remarks>
/// <example><code>var norm = new RmsNorm(normalizedShape: [32]);</code></example>
public sealed class RmsNorm : Norm
{
    private readonly double? _eps;

    /// <summary>Makes the layer: weight 1.</summary>
    /// <param name="normalizedShape">The sizes of the last dimensions, over which it normalizes: <c>[64]</c>.</param>
    /// <param name="eps">Added to the mean square; by default the machine epsilon of the tensor's type, the gap from 1 to the next number.</param>
    /// <param name="elementwiseAffine">Whether there is a weight.</param>
    /// <exception cref="ShapeException">The normalized shape is empty.</exception>
    public RmsNorm(Shape normalizedShape, double? eps = null, bool elementwiseAffine = true)
    {
        Check.That(normalizedShape.Rank > 0 && normalizedShape.Count > 0, "rms_norm",
            $"normalizedShape {normalizedShape} must have at least one dimension and no size 0.");
        (NormalizedShape, _eps) = (normalizedShape, eps);
        if (elementwiseAffine) Weight = RegisterParameter("weight", Tensor.Ones(normalizedShape));
    }

    /// <summary>The sizes of the last dimensions, over which it normalizes.</summary>
    public Shape NormalizedShape { get; }

    /// <summary>The scale γ; null if there is none.</summary>
    public Parameter? Weight { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x)
    {
        LayerNorm.CheckLastDimensions("rms_norm", x.Shape, NormalizedShape);
        var y = x / (x.Square().Mean(From(x.Rank - NormalizedShape.Rank, x), keepDim: true) + (_eps ?? Epsilon(x.DType))).Sqrt();
        return Weight is null ? y : y * Weight.Value;
    }

    /// <summary>The machine epsilon, the gap between 1 and the next number: 2⁻²³ for float, 2⁻⁵² for double.</summary>
    internal static double Epsilon(DType type) => type == DType.F64 ? Math.BitIncrement(1) - 1 : MathF.BitIncrement(1) - 1;
}

/// <summary>
/// Root mean square normalization of images [N, C, H, W] or features [N, C]:
/// <c>y = x / √(mean(x²) + eps) · weight</c>, with the mean taken over all values of one image, and one weight per channel. It is to
/// <see cref="RmsNorm"/> what <see cref="GroupNorm"/> with one group is to <see cref="LayerNorm"/>.
/// </summary>
/// <remarks>State: <c>weight</c>, [C].</remarks>
/// <example><code>var norm = new ChannelRmsNorm(channels: 16);</code></example>
public sealed class ChannelRmsNorm : Norm
{
    private readonly double _eps;

    /// <summary>Makes the layer: weight 1.</summary>
    /// <param name="channels">C, the number of channels.</param>
    /// <param name="eps">Added to the mean square.</param>
    /// <exception cref="ShapeException">The number of channels is not positive.</exception>
    public ChannelRmsNorm(int channels, double eps = 1e-5)
    {
        Check.That(channels > 0, "rms_norm", $"channels {channels} must be positive.");
        _eps = eps;
        Weight = RegisterParameter("weight", Tensor.Ones([channels]));
    }

    /// <summary>The scale γ.</summary>
    public Parameter Weight { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x)
    {
        CheckChannels("rms_norm", x, Weight.Shape[0]);
        return x / (x.Square().Mean(From(1, x), keepDim: true) + _eps).Sqrt() * AlongChannels(Weight.Value, x);
    }
}
