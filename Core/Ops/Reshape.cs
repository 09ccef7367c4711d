namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The same values, in logical order, with other sizes; one size may be −1 and is inferred. Shares the memory
    /// of a row-major tensor.</summary>
    /// <exception cref="ShapeException">The number of values would change.</exception>
    public Tensor Reshape(params ReadOnlySpan<int> sizes)
    {
        Span<int> known = stackalloc int[sizes.Length];
        sizes.CopyTo(known);
        Check.That(known.Count(-1) <= 1, "reshape", $"only one size can be worked out for {Shape}, and more than one is -1.");
        int open = known.IndexOf(-1);
        if (open >= 0)
        {
            int rest = 1;
            for (int i = 0; i < known.Length; i++) rest *= i == open ? 1 : known[i];
            known[open] = rest == 0 ? 0 : Count / rest;
        }
        Shape shape = new(known);
        Check.That(shape.Count == Count, "reshape", $"{Shape} has {Count} values, {shape} has {shape.Count}; they must be equal.");
        return shape == Shape && Layout == Layout.RowMajor ? this : new ReshapeOp(this, shape).Run();
    }

    /// <summary>Merges all dimensions from <paramref name="start"/> on into one: [N, C, H, W] becomes [N, C·H·W].</summary>
    public Tensor Flatten(int start = 1)
    {
        start = Shape.Dimension(start, "flatten");
        return Reshape([.. Shape.Sizes[..start], Shape.Product(start, Rank)]);
    }
}

/// <summary>y = x, the same values with other sizes; dx = dy with the original sizes.</summary>
internal sealed class ReshapeOp(Tensor x, Shape shape) : Operator("reshape", x)
{
    protected override Saved BackwardReads => Saved.Nothing;

    protected override Tensor Forward() => x.ToLayout(Layout.RowMajor).Window(0, shape);

    protected override void Backward(Tensor dy, Gradients d) => d[0] = dy.ToLayout(Layout.RowMajor).Window(0, x.Shape);
}
