namespace MiniDL;

/// <summary>What a fused normalization applies last.</summary>
public enum Activation
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>max(x, 0).</summary>
    Relu,
}
