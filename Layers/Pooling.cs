namespace MiniDL.Layers;

/// <summary>The largest value of each window of images [N, C, H, W]; padding never wins.</summary>
/// <param name="kernelSize">The window: one number or (height, width).</param>
/// <param name="stride">Pixels between neighbouring windows; the window's size by default.</param>
/// <param name="padding">Pixels added on each side.</param>
/// <example><code>var y = new MaxPool2d(2).Forward(images);      // half the height and width</code></example>
public sealed class MaxPool2d(Size2d kernelSize, Size2d? stride = null, Size2d padding = default) : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.MaxPool2d(kernelSize.Pair, (stride ?? kernelSize).Pair, padding.Pair);
}

/// <summary>The mean of each window of images [N, C, H, W]; padding counts as zeros.</summary>
/// <param name="kernelSize">The window: one number or (height, width).</param>
/// <param name="stride">Pixels between neighbouring windows; the window's size by default.</param>
/// <param name="padding">Zeros added on each side.</param>
/// <example><code>var y = new AvgPool2d(3, stride: 2, padding: 1).Forward(images);</code></example>
public sealed class AvgPool2d(Size2d kernelSize, Size2d? stride = null, Size2d padding = default) : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.AvgPool2d(kernelSize.Pair, (stride ?? kernelSize).Pair, padding.Pair);
}

/// <summary>The mean over all pixels: [N, C, H, W] becomes [N, C].</summary>
/// <example><code>var y = new GlobalAvgPool2d().Forward(images);      // [N, C, H, W] becomes [N, C]</code></example>
public sealed class GlobalAvgPool2d : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.GlobalAvgPool2d();
}
