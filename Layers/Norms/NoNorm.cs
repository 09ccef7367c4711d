namespace MiniDL.Layers;

/// <summary>
/// Returns its input, for places where the norm is optional. As a <see cref="Norm"/> it still adds the residual and applies the
/// activation that it is asked for, so a net without norms reads like one with them.
/// </summary>
/// <example><code>var model = new ResNet(20, channels => new NoNorm(), random);</code></example>
public sealed class NoNorm : Norm
{
    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x) => x;
}
