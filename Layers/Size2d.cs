namespace MiniDL.Layers;

/// <summary>Height and width of a kernel, a stride or a padding: one number for both, or a pair, as in <c>3</c> or <c>(3, 1)</c>.</summary>
/// <example><code>var conv = new Conv2d(3, 16, kernelSize: (3, 5), stride: 2);      // 3 high, 5 wide; 2 in both directions</code></example>
public readonly record struct Size2d(int Height, int Width)
{
    /// <summary>The same size in both directions.</summary>
    public static implicit operator Size2d(int size) => new(size, size);

    /// <summary>Height and width.</summary>
    public static implicit operator Size2d((int Height, int Width) size) => new(size.Height, size.Width);

    internal (int H, int W) Pair => (Height, Width);

    /// <inheritdoc/>
    public override string ToString() => $"({Height}, {Width})";
}
