namespace MiniDL.Layers;

/// <summary>
/// One learned number added to every value, 0 at first: <c>y = x + bias</c>, any shape. Nets with Fixup use it, in place of norms,
/// before their layers: <see cref="FixupBlock"/>.
/// </summary>
/// <remarks>State: <c>bias</c> [1].</remarks>
/// <example><code>var norm = new ScalarBias();</code></example>
public sealed class ScalarBias : Norm
{
    /// <summary>Makes the layer with the bias 0.</summary>
    public ScalarBias() => Bias = RegisterParameter("bias", Tensor.Zeros([1]));

    /// <summary>The number, [1].</summary>
    public Parameter Bias { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x) => x + Bias.Value;
}
