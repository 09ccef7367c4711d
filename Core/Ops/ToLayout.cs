namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The same values in another layout; this tensor if it already has it. The logical shape stays the same.</summary>
    /// <exception cref="ShapeException">Channels last is requested for a rank other than 3 to 5.</exception>
    public Tensor ToLayout(Layout layout)
    {
        if (layout == Layout) return this;
        Check.That(Rank is >= 3 and <= 5, "to_layout", $"{Shape} has {Rank} dimensions; channels last is for 3 to 5, [N, C, …spatial].");
        return new ToLayoutOp(this, layout).Run();
    }
}

/// <summary>y = x in another layout, logically unchanged; dx = dy.</summary>
internal sealed class ToLayoutOp(Tensor x, Layout layout) : Operator("to_layout", x)
{
    protected override Saved BackwardReads => Saved.Nothing;

    protected override Tensor Forward()
    {
        // With one channel, or one pixel per image, the two layouts are the same bytes.
        if (x.Shape[1] == 1 || x.Shape.Product(2, x.Rank) == 1) return x.Window(0, x.Shape, layout);
        var y = Tensor.New(x.Shape, x.Device, x.DType, layout);
        Backend.Copy(x, y);
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d) => d[0] = dy;
}
