namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>
    /// The larger of two values, elementwise with broadcasting: <c>c = max(a, b)</c>; NaN counts as largest. If the two are
    /// equal, each gets half the gradient, as in PyTorch.
    /// </summary>
    /// <exception cref="ShapeException">The shapes do not broadcast.</exception>
    public Tensor Maximum(Tensor b) => new MaximumOp(this, b).Run();
}

/// <summary>c = max(a, b); dc goes to the larger operand, summed over broadcast dimensions.</summary>
internal sealed class MaximumOp(Tensor a, Tensor b) : BinaryOp<MaximumFunction>(default, a, b)
{
    protected override Saved BackwardReads => Saved.Input0 | Saved.Input1;

    protected override void Backward(Tensor dc, Gradients d)
    {
        if (d.Wanted(0)) d[0] = Gradient(dc, A, B);
        if (d.Wanted(1)) d[1] = Gradient(dc, B, A);
    }

    private static Tensor Gradient(Tensor dc, Tensor operand, Tensor other) =>
        SumOp.ToShape(dc * BinaryOp<ShareFunction>.Zip(default, operand, other), operand.Shape);

    /// <summary>The share of the gradient that a gets: 1 where it is larger, ½ where it equals b, 0 where it is smaller.</summary>
    internal readonly struct ShareFunction : IBinaryFunction
    {
        public string Name => "maximum_share";

        public R Value<R>(R a, R b) where R : struct, IReal<R> => R.IfGreater(b, a, R.Of(0), R.IfAtMost(a, b, R.Of(0.5), R.Of(1)));
    }
}

internal readonly struct MaximumFunction : IBinaryFunction
{
    public string Name => "maximum";

    public R Value<R>(R a, R b) where R : struct, IReal<R> => R.Max(a, b);
}
