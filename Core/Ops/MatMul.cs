using MiniDL.Diagnostics;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Matrix product, <c>c[i,j] = Σₖ a[i,k] · b[k,j]</c>, of two matrices.</summary>
    /// <exception cref="ShapeException">An operand is not a matrix, or the inner sizes differ.</exception>
    public Tensor MatMul(Tensor b)
    {
        Check.Rank("matmul", "a", this, 2);
        Check.Rank("matmul", "b", b, 2);
        Check.Float("matmul", "a", this);
        Check.Float("matmul", "b", b);
        Check.That(Shape[1] == b.Shape[0], "matmul",
            $"a {Shape} has {Shape[1]} columns, b {b.Shape} has {b.Shape[0]} rows; they must be equal. Transpose one of them?");
        return new MatMulOp(ToFloat(), b.ToFloat()).Run();
    }
}

/// <summary>c = a · b; da = dc · bᵀ, db = aᵀ · dc.</summary>
internal sealed class MatMulOp(Tensor a, Tensor b) : Operator("matmul", a, b)
{
    private readonly int _rows = a.Shape[0], _inner = a.Shape[1], _columns = b.Shape[1];

    /// <summary>Of the product; each of its two gradients has as many.</summary>
    internal override double Operations => 2.0 * _rows * _inner * _columns;

    protected override Saved BackwardReads => OtherFactors;

    protected override Tensor Forward()
    {
        var c = New([_rows, _columns]);
        Backend.MatMul(a, b, c, _rows, _inner, _columns);
        return c;
    }

    protected override void Backward(Tensor dc, Gradients d)
    {
        if (d.Wanted(0)) Profiler.Count(Operations);
        if (d.Wanted(1)) Profiler.Count(Operations);
        if (d.Wanted(0, out var da)) Backend.MatMul(dc, b, da, _rows, _columns, _inner, transposeB: true);
        if (d.Wanted(1, out var db)) Backend.MatMul(a, dc, db, _inner, _rows, _columns, transposeA: true);
    }
}
