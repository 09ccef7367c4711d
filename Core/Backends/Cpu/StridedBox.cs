namespace MiniDL.Backends.Cpu;

/// <summary>
/// A box of indices with the strides of up to three tensors. Dimensions are merged where all tensors allow it; what remains are
/// runs along the inner dimension, for the inner loops, and the places where the runs start.
/// </summary>
internal sealed class StridedBox
{
    private readonly List<BoxDimension> _outer = [];

    public StridedBox(ReadOnlySpan<int> sizes, ReadOnlySpan<int> y, ReadOnlySpan<int> a, ReadOnlySpan<int> b)
    {
        for (int i = 0; i < sizes.Length; i++)
            if (sizes[i] != 1) _outer.Add(new BoxDimension(sizes[i], y[i], a[i], b[i]));
        Join();
        Inner = _outer.Count == 0 ? new BoxDimension(1, 1, 1, 1) : _outer[^1];
        if (_outer.Count > 0) _outer.RemoveAt(_outer.Count - 1);
        Runs = 1;
        foreach (var dimension in _outer) Runs *= dimension.Size;
    }

    /// <summary>The box with its dimensions ordered as in y's memory.</summary>
    public static StridedBox AlongY(ReadOnlySpan<int> sizes, ReadOnlySpan<int> yStrides, ReadOnlySpan<int> xStrides)
    {
        Span<int> order = stackalloc int[sizes.Length], size = stackalloc int[sizes.Length];
        Span<int> x = stackalloc int[sizes.Length], y = stackalloc int[sizes.Length];
        yStrides.CopyTo(y);
        for (int i = 0; i < order.Length; i++) (order[i], y[i]) = (i, -y[i]);
        y.Sort(order);
        for (int i = 0; i < order.Length; i++) (size[i], x[i], y[i]) = (sizes[order[i]], xStrides[order[i]], yStrides[order[i]]);
        return new StridedBox(size, y, x, x);
    }

    /// <summary>The innermost dimension.</summary>
    public BoxDimension Inner { get; }

    /// <summary>The other dimensions, outermost first.</summary>
    public IReadOnlyList<BoxDimension> Outer => _outer;

    /// <summary>How many runs there are.</summary>
    public int Runs { get; }

    /// <summary>Where a run starts in each tensor.</summary>
    public (int Y, int A, int B) Start(int run)
    {
        int y = 0, a = 0, b = 0;
        for (int i = _outer.Count - 1; i >= 0; i--)
        {
            var dimension = _outer[i];
            (run, int index) = Math.DivRem(run, dimension.Size);
            y += index * dimension.Y;
            a += index * dimension.A;
            b += index * dimension.B;
        }
        return (y, a, b);
    }

    /// <summary>Merges neighbouring dimensions if, in every tensor, the outer one continues where the inner one ends.</summary>
    private void Join()
    {
        for (int i = _outer.Count - 2; i >= 0; i--)
        {
            BoxDimension outer = _outer[i], inner = _outer[i + 1];
            if (outer.Y != inner.Y * inner.Size || outer.A != inner.A * inner.Size || outer.B != inner.B * inner.Size) continue;
            _outer[i] = inner with { Size = outer.Size * inner.Size };
            _outer.RemoveAt(i + 1);
        }
    }
}

/// <summary>One dimension of a <see cref="StridedBox"/>: its size, and its stride in each tensor.</summary>
internal readonly record struct BoxDimension(int Size, int Y, int A, int B);
