using System.Globalization;

namespace MiniDL;

/// <summary>y = scale · x + shift with two numbers; dx = scale · dy. Implements arithmetic with numbers, and negation.</summary>
internal sealed class AffineOp(string name, Tensor x, double scale, double shift) : Operator(name, x)
{
    internal override bool IsElementwise => true;

    protected override Saved BackwardReads => Saved.Nothing;

    internal override string Details =>
        string.Create(CultureInfo.InvariantCulture, $"y = {scale} · x{(shift == 0 ? "" : $" + {shift}")}");

    protected override Tensor Forward()
    {
        Check.Float(Name, "x", x);
        var y = Tensor.NewLike(x);
        Backend.Affine(x, scale, shift, y);
        return y;
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        var dx = Tensor.NewLike(dy);
        Backend.Affine(dy, scale, 0, dx);
        d[0] = dx;
    }
}
