namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The sum over the given dimensions, or over all when none is given: <c>y = Σ x</c>.</summary>
    /// <param name="dims">The dimensions to sum over; negative ones count from the end.</param>
    /// <param name="keepDim">Keep them with size 1.</param>
    public Tensor Sum(ReadOnlySpan<int> dims = default, bool keepDim = false)
    {
        Check.Float("sum", "x", this);
        return new SumOp(ToFloat(), Reduction.Of("sum", Shape, dims, keepDim)).Run();
    }

    /// <summary>The mean over the given dimensions, or over all when none is given: <c>y = Σ x / n</c>.</summary>
    /// <inheritdoc cref="Sum"/>
    public Tensor Mean(ReadOnlySpan<int> dims = default, bool keepDim = false)
    {
        Check.Float("mean", "x", this);
        var sum = new SumOp(ToFloat(), Reduction.Of("mean", Shape, dims, keepDim)).Run();
        return sum * ((double)Math.Max(1, sum.Count) / Count);
    }
}

/// <summary>y = Σ x over some dimensions; dx repeats dy along them.</summary>
internal sealed class SumOp(Tensor x, Reduction reduction) : Operator("sum", x)
{
    protected override Tensor Forward() => Over(x, reduction.Reduced).Window(0, reduction.Result);

    protected override void Backward(Tensor dy, Gradients d)
    {
        if (d.Wanted(0, out var dx)) Repeat(dy, reduction.Kept, dx);
    }

    /// <summary>Sums over the marked dimensions, one run of neighbours at a time, the innermost first; their sizes become 1.</summary>
    private static Tensor Over(Tensor x, ReadOnlySpan<bool> reduced)
    {
        x = x.ToLayout(Layout.RowMajor);
        for (int end = x.Rank; end > 0; end--)
        {
            if (!reduced[end - 1]) continue;
            int start = end - 1;
            while (start > 0 && reduced[start - 1]) start--;
            int[] sizes = x.Shape.Sizes.ToArray();
            sizes.AsSpan(start..end).Fill(1);
            var y = Tensor.New(new Shape(sizes), x.Device, x.Device.FloatType);
            x.Device.Backend.Sum(x, y, x.Shape.Product(0, start), x.Shape.Product(start, end), x.Shape.Product(end, x.Rank));
            (x, end) = (y, start + 1);
        }
        return x;
    }

    /// <summary>Sums a gradient over the dimensions along which an operand of this shape was broadcast.</summary>
    public static Tensor ToShape(Tensor gradient, Shape shape)
    {
        if (gradient.Shape == shape) return gradient;
        var reduced = new bool[gradient.Rank];
        int missing = gradient.Rank - shape.Rank;
        for (int i = 0; i < reduced.Length; i++) reduced[i] = i < missing || (shape[i - missing] == 1 && gradient.Shape[i] != 1);
        return Over(gradient, reduced).Window(0, shape);
    }

    /// <summary>Writes y, whose sizes are those of x or 1, repeated into x.</summary>
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

/// <summary>Which dimensions a reduction takes away.</summary>
/// <param name="Reduced">For every dimension, whether it is reduced.</param>
/// <param name="Kept">The shape with reduced sizes as 1.</param>
/// <param name="Result">The shape the caller asked for.</param>
internal sealed record Reduction(bool[] Reduced, Shape Kept, Shape Result)
{
    public static Reduction Of(string operation, Shape shape, ReadOnlySpan<int> dims, bool keepDim)
    {
        var reduced = new bool[shape.Rank];
        if (dims.IsEmpty) Array.Fill(reduced, true);
        foreach (int dim in dims)
        {
            int i = shape.Dimension(dim, operation);
            Check.That(!reduced[i], operation, $"dimension {dim} of {shape} is given twice.");
            reduced[i] = true;
        }
        int[] kept = shape.Sizes.ToArray();
        for (int i = 0; i < kept.Length; i++) kept[i] = reduced[i] ? 1 : kept[i];
        return new Reduction(reduced, new Shape(kept), keepDim ? new Shape(kept) : [.. kept.Where((_, i) => !reduced[i])]);
    }
}
