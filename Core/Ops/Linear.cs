using MiniDL.Diagnostics;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Affine map of the last dimension: <c>y = x · Wᵀ + b</c>; x is […, in], W [out, in], b [out], y […, out].</summary>
    /// <exception cref="ShapeException">The sizes do not match.</exception>
    public Tensor Linear(Tensor weight, Tensor? bias = null)
    {
        Check.Rank("linear", "weight", weight, 2);
        Check.Float("linear", "input", this);
        Check.Float("linear", "weight", weight);
        Check.That(Rank >= 1 && Shape[-1] == weight.Shape[1], "linear",
            $"input {Shape} should end in {weight.Shape[1]} features, as weight {weight.Shape} expects. Flatten it first, or change inFeatures.");
        Check.That(bias is null || bias.Shape == [weight.Shape[0]], "linear", $"bias {bias?.Shape} should be [{weight.Shape[0]}].");
        (Tensor x, weight, bias) = (ToFloat(), weight.ToFloat(), bias?.ToFloat());
        if (Rank == 2) return new LinearOp(x, weight, bias).Run();
        int rows = Shape.Product(0, Rank - 1);
        return new LinearOp(x.Reshape(rows, Shape[-1]), weight, bias).Run().Reshape([.. Shape.Sizes[..^1], weight.Shape[0]]);
    }
}

/// <summary>y = x · Wᵀ + b; dx = dy · W, dW = dyᵀ · x, db = Σ dy over the rows.</summary>
internal sealed class LinearOp(Tensor x, Tensor weight, Tensor? bias) : Operator("linear", x, weight, bias)
{
    private readonly int _rows = x.Shape[0], _in = weight.Shape[1], _out = weight.Shape[0];

    /// <summary>Of the product, without the bias; each of its two gradients has as many.</summary>
    internal override double Operations => 2.0 * _rows * _in * _out;

    protected override Saved BackwardReads => OtherFactors;

    protected override Tensor Forward()
    {
        var y = New([_rows, _out]);
        Backend.MatMul(x, weight, y, _rows, _in, _out, transposeB: true);
        return bias is null ? y : BinaryOp<AddFunction>.Zip(default, y, bias);
    }

    protected override void Backward(Tensor dy, Gradients d)
    {
        if (d.Wanted(0)) Profiler.Count(Operations);
        if (d.Wanted(1)) Profiler.Count(Operations);
        if (d.Wanted(0, out var dx)) Backend.MatMul(dy, weight, dx, _rows, _out, _in);
        if (d.Wanted(1, out var dw)) Backend.MatMul(dy, x, dw, _out, _rows, _in, transposeA: true);
        if (d.Wanted(2, out var db)) Backend.Sum(dy, db, 1, _rows, _out);
    }
}
