namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>
    /// Concatenates tensors along a dimension; their other sizes must be equal. The result is channels last if one of
    /// them is.
    /// </summary>
    /// <exception cref="ShapeException">There are no tensors, or types, ranks or other sizes differ.</exception>
    public static Tensor Concat(ReadOnlySpan<Tensor> tensors, int dim = 0)
    {
        Check.That(tensors.Length > 0, "concat", $"there are no tensors; give at least one.");
        var first = tensors[0];
        dim = first.Shape.Dimension(dim, "concat");
        int size = 0;
        bool alike = true;
        foreach (var x in tensors)
        {
            Check.That(x.Rank == first.Rank && x.Shape.With(dim, 0) == first.Shape.With(dim, 0), "concat",
                $"{first.Shape} and {x.Shape} differ in more than dimension {dim}; all other sizes must be equal.");
            Check.That(x.DType == first.DType || (x.DType.IsFloat() && first.DType.IsFloat()), "concat",
                $"{first.Description} and {x.Description} hold different types. Convert with ToFloat()?");
            alike &= x.DType == first.DType;
            size += x.Shape[dim];
        }
        Tensor[] parts = tensors.ToArray();
        if (!alike) parts = Array.ConvertAll(parts, x => x.ToFloat());
        return new ConcatOp(parts, dim, first.Shape.With(dim, size)).Run();
    }
}

/// <summary>y = the tensors side by side; each gets its part of dy.</summary>
internal sealed class ConcatOp(Tensor[] tensors, int dim, Shape shape) : Operator("concat", tensors)
{
    protected override Saved BackwardReads => Saved.Nothing;

    protected override Tensor Forward()
    {
        var layout = Layout.RowMajor;
        foreach (var x in Inputs)
            if (x!.Layout == Layout.ChannelsLast) layout = Layout.ChannelsLast;
        var y = Tensor.New(shape, Device, Inputs[0]!.DType, layout);
        int start = 0;
        foreach (var x in Inputs)
        {
            Box.At(shape.Rank, dim, start).Write(x!, y);
            start += x!.Shape[dim];
        }
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        int start = 0;
        for (int i = 0; i < Inputs.Length; i++)
        {
            if (d.Wanted(i, out var dx)) Box.At(shape.Rank, dim, start).Read(dy, dx);
            start += Inputs[i]!.Shape[dim];
        }
    }
}
