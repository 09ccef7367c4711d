namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The logarithm of softmax, <c>y = x − ln Σ eˣ</c> along a dimension, computed with the largest x subtracted first.</summary>
    /// <param name="dim">The dimension; the last by default.</param>
    public Tensor LogSoftmax(int dim = -1)
    {
        Check.Float("log_softmax", "x", this);
        dim = Shape.Dimension(dim, "log_softmax");
        return dim == Rank - 1
            ? new LogSoftmaxOp(ToFloat().ToLayout(Layout.RowMajor)).Run()
            : Transpose(dim, -1).LogSoftmax().Transpose(dim, -1);
    }
}

/// <summary>y = x − ln Σ eˣ along rows; dx = dy − e^y · Σ dy.</summary>
internal sealed class LogSoftmaxOp(Tensor x) : Operator("log_softmax", x)
{
    private readonly int _rows = x.Shape.Product(0, x.Rank - 1), _columns = x.Shape[-1];
    private Tensor? _y;

    protected override Saved BackwardReads => Saved.Result;

    protected override Tensor Forward()
    {
        _y = New(x.Shape);
        Backend.LogSoftmax(x, _y, _rows, _columns);
        return _y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        if (d.Wanted(0, out var dx)) Backend.LogSoftmaxGradient(dy.ToLayout(Layout.RowMajor), _y!, dx, _rows, _columns);
    }
}
