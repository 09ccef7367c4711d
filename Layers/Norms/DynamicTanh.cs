namespace MiniDL.Layers;

/// <summary>
/// Dynamic tanh (DyT), used in place of a norm but without statistics: <c>y = tanh(alpha · x) · weight + bias</c>, where alpha is one
/// learned number. Zhu et al. 2025, as a replacement for layer norm in transformers; weak in convolutional nets.
/// </summary>
/// <remarks>
/// Input [N, C, …]; the same in training and evaluation. State, as in the authors' code: <c>alpha</c> [1], <c>weight</c> and <c>bias</c>, [C] each.
/// </remarks>
/// <example><code>var norm = new DynamicTanh(channels: 16, alpha: 0.5);</code></example>
public sealed class DynamicTanh : Norm
{
    private const string Operation = "dynamic_tanh";

    /// <summary>Makes the layer: weight 1, bias 0.</summary>
    /// <param name="channels">C, the size of dimension 1.</param>
    /// <param name="alpha">The initial α; 0.5 in the paper.</param>
    /// <exception cref="ShapeException">The number of channels is not positive.</exception>
    public DynamicTanh(int channels, double alpha = 0.5)
    {
        Check.That(channels > 0, Operation, $"channels {channels} must be positive.");
        Alpha = RegisterParameter("alpha", Tensor.Full([1], alpha));
        Weight = RegisterParameter("weight", Tensor.Ones([channels]));
        Bias = RegisterParameter("bias", Tensor.Zeros([channels]));
    }

    /// <summary>The steepness α, [1].</summary>
    public Parameter Alpha { get; }

    /// <summary>The scale γ.</summary>
    public Parameter Weight { get; }

    /// <summary>The shift β.</summary>
    public Parameter Bias { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x)
    {
        CheckChannels(Operation, x, Weight.Shape[0]);
        return (x * Alpha.Value).Tanh() * AlongChannels(Weight.Value, x) + AlongChannels(Bias.Value, x);
    }
}
