namespace MiniDL.Layers;

/// <summary>
/// Gives back what it gets. It stands where a layer may be absent; as a <see cref="Norm"/> it adds the residual and applies the
/// activation that its place asks for, so that a net without norms reads like one with them.
/// </summary>
public sealed class NoNorm : Norm
{
    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x) => x;
}
