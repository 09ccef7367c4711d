namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Swaps two dimensions; the result is row-major and has its own memory.</summary>
    /// <param name="dim0">One dimension; negative ones count from the end.</param>
    /// <param name="dim1">The other.</param>
    public Tensor Transpose(int dim0, int dim1)
    {
        (dim0, dim1) = (Shape.Dimension(dim0, "transpose"), Shape.Dimension(dim1, "transpose"));
        return dim0 == dim1 ? this : new TransposeOp(this, dim0, dim1).Run();
    }
}

/// <summary>y = x with two dimensions swapped; dx = dy with the same two swapped.</summary>
internal sealed class TransposeOp(Tensor x, int dim0, int dim1) : Operator("transpose", x)
{
    protected override Saved BackwardReads => Saved.Nothing;

    protected override Tensor Forward()
    {
        var y = Tensor.New(x.Shape.With(dim0, x.Shape[dim1]).With(dim1, x.Shape[dim0]), Device, x.DType);
        Swap(x, y);
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        if (d.Wanted(0, out var dx)) Swap(dy, dx);
    }

    private void Swap(Tensor from, Tensor to)
    {
        Span<int> fromStrides = stackalloc int[from.Rank], toStrides = stackalloc int[to.Rank];
        from.Strides(fromStrides);
        to.Strides(toStrides);
        (fromStrides[dim0], fromStrides[dim1]) = (fromStrides[dim1], fromStrides[dim0]);
        Backend.CopyStrided(to.Shape.Sizes, from, 0, fromStrides, to, 0, toStrides);
    }
}
