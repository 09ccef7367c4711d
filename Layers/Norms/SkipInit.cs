namespace MiniDL.Layers;

/// <summary>
/// SkipInit, a net without norms: each residual branch ends in a learned number, 0 at first, so that every block starts as the
/// identity: <c>y = gain · x</c>, any shape. De and Smith 2020.
/// </summary>
/// <remarks>It stands where a branch's last norm would; convolutions have biases. State, timm's name: <c>skipinit_gain</c> [].</remarks>
public sealed class SkipInit : Norm
{
    /// <summary>Makes the layer with the gain 0.</summary>
    public SkipInit() => Gain = RegisterParameter("skipinit_gain", Tensor.Zeros(Shape.Scalar));

    /// <summary>The gain α, [].</summary>
    public Parameter Gain { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x) => x * Gain.Value;
}
