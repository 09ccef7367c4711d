namespace MiniDL.Layers;

/// <summary>
/// Filter response normalization of images [N, C, H, W] with its thresholded linear unit (TLU):
/// <c>y = max(x / √(ν² + eps) · weight + bias, tau)</c>, with <c>ν² = mean(x²)</c> over the pixels of each channel of each image. Nothing
/// is centred and nothing depends on the batch; the learned threshold compensates for the missing centring. Singh and Krishnan 2020.
/// </summary>
/// <remarks>
/// Training and evaluation are the same. State, as in timm: <c>weight</c>, <c>bias</c> and, with the activation, <c>tau</c>, [C] each.
/// The paper learns eps for images of one pixel; here it is constant.
/// </remarks>
/// <example><code>var norm = new FilterResponseNorm2d(channels: 16);</code></example>
public sealed class FilterResponseNorm2d : Norm
{
    private const string Operation = "filter_response_norm";

    /// <summary>Makes the layer: weight 1, bias 0, threshold 0, so the activation starts as a ReLU.</summary>
    /// <param name="channels">C, the number of channels.</param>
    /// <param name="eps">Added to the mean square.</param>
    /// <param name="activation">Whether the threshold is applied; if false, the layer only normalizes.</param>
    /// <exception cref="ShapeException">A setting is out of range.</exception>
    public FilterResponseNorm2d(int channels, double eps = 1e-6, bool activation = true)
    {
        Check.That(channels > 0, Operation, $"channels {channels} must be positive.");
        Check.That(eps >= 0, Operation, $"eps {eps} must not be negative.");
        Eps = eps;
        Weight = RegisterParameter("weight", Tensor.Ones([channels]));
        Bias = RegisterParameter("bias", Tensor.Zeros([channels]));
        if (activation) Threshold = RegisterParameter("tau", Tensor.Zeros([channels]));
    }

    /// <summary>Added to the mean square.</summary>
    public double Eps { get; }

    /// <summary>The scale γ.</summary>
    public Parameter Weight { get; }

    /// <summary>The shift β.</summary>
    public Parameter Bias { get; }

    /// <summary>The threshold τ; null without the activation.</summary>
    public Parameter? Threshold { get; }

    /// <inheritdoc/>
    public override bool IncludesActivation => Threshold is not null;

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x)
    {
        CheckImages(Operation, x, Weight.Shape[0]);
        var y = x / (x.Square().Mean([2, 3], keepDim: true) + Eps).Sqrt();
        y = y * AlongChannels(Weight.Value, x) + AlongChannels(Bias.Value, x);
        return Threshold is null ? y : y.Maximum(AlongChannels(Threshold.Value, x));
    }
}
