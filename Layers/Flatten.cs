namespace MiniDL.Layers;

/// <summary>Joins the dimensions from <paramref name="start"/> on into one: [N, C, H, W] becomes [N, C·H·W].</summary>
/// <param name="start">The first dimension to join.</param>
/// <example><code>var y = new Flatten().Forward(images);      // [N, C, H, W] becomes [N, C · H · W]</code></example>
public sealed class Flatten(int start = 1) : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Flatten(start);
}
