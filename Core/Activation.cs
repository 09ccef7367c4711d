namespace MiniDL;

/// <summary>The activation at the end of a fused normalization.</summary>
/// <example><code>var y = new BatchNorm2d(3).Forward(images, activation: Activation.Relu);     // one pass over memory</code></example>
public enum Activation
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>max(x, 0).</summary>
    Relu,
}
