namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>
    /// The largest value over the given dimensions, or over all if none is given. NaN counts as largest. The gradient goes to
    /// the first of several largest values.
    /// </summary>
    /// <param name="dims">The dimensions to reduce; negative ones count from the end.</param>
    /// <param name="keepDim">Keep them with size 1.</param>
    /// <exception cref="ShapeException">A dimension does not exist, or has size 0 and therefore no largest value.</exception>
    public Tensor Max(ReadOnlySpan<int> dims = default, bool keepDim = false)
    {
        Check.Float("max", "x", this);
        var reduction = Reduction.Of("max", Shape, dims, keepDim);
        for (int i = 0; i < Rank; i++)
            Check.That(!reduction.Reduced[i] || Shape[i] > 0, "max",
                $"dimension {i} of {Shape} is empty and has no maximum. Check the size before.");
        // One run of neighbouring dimensions at a time, innermost first, so that ties go to the first value in row-major order.
        var y = ToFloat();
        for (int end = Rank; end > 0; end--)
        {
            if (!reduction.Reduced[end - 1]) continue;
            int start = end - 1;
            while (start > 0 && reduction.Reduced[start - 1]) start--;
            (y, end) = (new MaxOp(y.ToLayout(Layout.RowMajor), start, end).Run(), start + 1);
        }
        return y.Reshape(reduction.Result.Sizes);
    }
}

/// <summary>y = max x over dimensions start to end − 1, whose sizes become 1; dx = dy at the first largest value, else 0.</summary>
internal sealed class MaxOp(Tensor x, int start, int end) : Operator("max", x)
{
    private readonly int _outer = x.Shape.Product(0, start), _reduced = x.Shape.Product(start, end), _inner = x.Shape.Product(end, x.Rank);
    private Tensor? _index;

    protected override Saved BackwardReads => Saved.Nothing;

    internal override IReadOnlyList<(string Name, Tensor? Value)> SavedBeside => [("index of each maximum", _index)];

    protected override Tensor Forward()
    {
        int[] sizes = x.Shape.Sizes.ToArray();
        sizes.AsSpan(start..end).Fill(1);
        var y = New(new Shape(sizes));
        _index = Tensor.New(y.Shape, Device, DType.I64);
        Backend.Max(x, y, _index, _outer, _reduced, _inner);
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        if (d.Wanted(0, out var dx)) Backend.MaxGradient(dy.ToLayout(Layout.RowMajor), _index!, dx, _outer, _reduced, _inner);
    }
}
