namespace MiniDL;

/// <summary>The activation at the end of a fused normalization.</summary>
public enum Activation
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>max(x, 0).</summary>
    Relu,
}
