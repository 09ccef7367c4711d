namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The sum over the given dimensions, or over all if none is given: <c>y = Σ x</c>.</summary>
    /// <param name="dims">The dimensions to sum over; negative ones count from the end.</param>
    /// <param name="keepDim">Keep them with size 1.</param>
    public Tensor Sum(ReadOnlySpan<int> dims = default, bool keepDim = false)
    {
        Check.Float("sum", "x", this);
        return new SumOp(ToFloat(), Reduction.Of("sum", Shape, dims, keepDim)).Run();
    }
}

/// <summary>y = Σ x over some dimensions; dx repeats dy along them.</summary>
internal sealed class SumOp(Tensor x, Reduction reduction) : Operator("sum", x)
{
    protected override Saved BackwardReads => Saved.Nothing;

    protected override Tensor Forward() => Reduction.Over(x, reduction.Reduced, Run).Window(0, reduction.Result);

    protected override void Backward(Tensor dy, Gradients d)
    {
        if (d.Wanted(0, out var dx)) Repeat(dy, reduction.Kept, dx);
    }

    private static void Run(Tensor x, Tensor y, int outer, int reduced, int inner) => x.Device.Backend.Sum(x, y, outer, reduced, inner);

    /// <summary>Sums a gradient over the dimensions along which an operand of this shape was broadcast.</summary>
    public static Tensor ToShape(Tensor gradient, Shape shape)
    {
        if (gradient.Shape == shape) return gradient;
        var reduced = new bool[gradient.Rank];
        int missing = gradient.Rank - shape.Rank;
        for (int i = 0; i < reduced.Length; i++) reduced[i] = i < missing || (shape[i - missing] == 1 && gradient.Shape[i] != 1);
        return Reduction.Over(gradient, reduced, Run).Window(0, shape);
    }

    /// <summary>Fills x with the values of y, each size of which is that of x or 1, by repetition.</summary>
    public static void Repeat(Tensor y, Shape kept, Tensor x)
    {
        Span<int> from = stackalloc int[x.Rank], to = stackalloc int[x.Rank];
        y = y.ToLayout(Layout.RowMajor).Window(0, kept);
        y.Strides(from);
        x.Strides(to);
        for (int i = 0; i < from.Length; i++)
            if (kept[i] == 1) from[i] = 0;
        x.Device.Backend.CopyStrided(x.Shape.Sizes, y, 0, from, x, 0, to);
    }
}
