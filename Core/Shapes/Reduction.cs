namespace MiniDL;

/// <summary>Which dimensions a reduction removes.</summary>
/// <param name="Reduced">For every dimension, whether it is reduced.</param>
/// <param name="Kept">The shape with size 1 for reduced dimensions.</param>
/// <param name="Result">The shape that the caller asked for.</param>
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

    /// <summary>Reduces x[outer, reduced, inner] into y[outer, inner].</summary>
    public delegate void OverRun(Tensor x, Tensor y, int outer, int reduced, int inner);

    /// <summary>Reduces the marked dimensions, one run of neighbouring ones at a time, innermost first; their sizes become 1.</summary>
    public static Tensor Over(Tensor x, ReadOnlySpan<bool> reduced, OverRun run)
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
            run(x, y, x.Shape.Product(0, start), x.Shape.Product(start, end), x.Shape.Product(end, x.Rank));
            (x, end) = (y, start + 1);
        }
        return x;
    }
}
