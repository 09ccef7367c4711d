namespace MiniDL.Layers;

/// <summary>
/// SkipInit, for nets without norms: each residual branch is multiplied by a learned number, 0 at first, so every block starts as the
/// identity: <c>y = gain · x</c>, any shape. De and Smith 2020.
/// </summary>
/// <remarks>It takes the place of a branch's last norm; convolutions have biases. State, by timm's name: <c>skipinit_gain</c> [].</remarks>
/// <example><code>var norm = new SkipInit();      // 0 at first: the block begins as the identity</code></example>
public sealed class SkipInit : Norm
{
    /// <summary>Makes the layer with the gain 0.</summary>
    public SkipInit() => Gain = RegisterParameter("skipinit_gain", Tensor.Zeros(Shape.Scalar));

    /// <summary>The gain α, [].</summary>
    public Parameter Gain { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x) => x * Gain.Value;
}
