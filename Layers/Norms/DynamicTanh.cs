namespace MiniDL.Layers;

/// <summary>
/// Dynamic tanh (DyT), which stands where a norm would and takes no statistics: <c>y = tanh(alpha · x) · weight + bias</c>, alpha one
/// learned number. Zhu et al. 2025, in place of layer norm in transformers; in convolutional nets weak.
/// </summary>
/// <remarks>
/// Input [N, C, …], in training and evaluation alike. State, as in the authors' code: <c>alpha</c> [1], <c>weight</c>, <c>bias</c>, [C] each.
/// </remarks>
public sealed class DynamicTanh : Norm
{
    private const string Operation = "dynamic_tanh";

    /// <summary>Makes the layer: weight 1, bias 0.</summary>
    /// <param name="channels">C, the size of dimension 1.</param>
    /// <param name="alpha">α at the start; the paper's 0.5.</param>
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
