using System.Runtime.CompilerServices;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>
    /// A part of the tensor: a range for each dimension, optionally with a step; dimensions not given are taken whole. Ranges work
    /// as in C#. The result keeps the layout and has its own memory. <c>x[.., .., Slice.Every(2), Slice.Every(2)]</c> takes every
    /// second row and column of images.
    /// </summary>
    /// <exception cref="ShapeException">There are more slices than dimensions, a range does not fit, or a step is below 1.</exception>
    [IndexerName("Slices")]
    public Tensor this[params ReadOnlySpan<Slice> slices]
    {
        get
        {
            Check.That(slices.Length <= Rank, "slice", $"{slices.Length} slices for {Shape}, which has {Rank} dimensions.");
            int[] start = new int[Rank], step = new int[Rank], sizes = Shape.Sizes.ToArray();
            Array.Fill(step, 1);
            for (int i = 0; i < slices.Length; i++)
            {
                var (range, size) = (slices[i].Range, sizes[i]);
                (start[i], step[i]) = (range.Start.GetOffset(size), slices[i].Step);
                int stop = range.End.GetOffset(size);
                Check.That(step[i] >= 1, "slice", $"step {step[i]} in dimension {i} of {Shape} must be at least 1.");
                Check.That(start[i] >= 0 && start[i] <= stop && stop <= size, "slice",
                    $"range {range} does not fit dimension {i} of {Shape}; use 0 to {size}.");
                sizes[i] = (stop - start[i] + step[i] - 1) / step[i];
            }
            return new SliceOp(this, new Box(start, step), new Shape(sizes)).Run();
        }
    }

    /// <summary>The part from <paramref name="start"/> up to, but not including, <paramref name="stop"/> along one dimension.</summary>
    /// <param name="dim">The dimension; a negative one counts from the end.</param>
    /// <param name="start">The first index.</param>
    /// <param name="stop">The index after the last; the end by default.</param>
    /// <param name="step">Take every step-th index.</param>
    public Tensor Slice(int dim, int start, int? stop = null, int step = 1)
    {
        dim = Shape.Dimension(dim, "slice");
        int size = Shape[dim], end = stop ?? size;
        Check.That(start >= 0 && start <= end && end <= size, "slice",
            $"start {start} and stop {end} do not fit dimension {dim} of {Shape}; use 0 to {size}.");
        var slices = new Slice[dim + 1];
        Array.Fill(slices, ..);
        slices[dim] = new Slice(start..end, step);
        return this[slices];
    }
}

/// <summary>Which indices of a dimension to take: every step-th of a range, such as <c>2..^1</c>.</summary>
/// <example><code>var y = images[.., .., Slice.Every(2), 1..^1];</code></example>
public readonly record struct Slice(Range Range, int Step = 1)
{
    /// <summary>Every step-th index of the whole dimension.</summary>
    public static Slice Every(int step) => new(.., step);

    /// <summary>The range with step 1.</summary>
    public static implicit operator Slice(Range range) => new(range);
}

/// <summary>y = the values of x on a grid; dx = dy on the grid, else 0.</summary>
internal sealed class SliceOp(Tensor x, Box box, Shape shape) : Operator("slice", x)
{
    protected override Saved BackwardReads => Saved.Nothing;

    protected override Tensor Forward()
    {
        var y = Tensor.New(shape, Device, x.DType, x.Layout);
        box.Read(x, y);
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        if (d.SumSoFar(0) is { } sum) box.Write(dy, sum, add: true);
        else if (d.Wanted(0, out var dx))
        {
            Backend.Fill(dx, 0);
            box.Write(dy, dx);
        }
    }
}
