namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The absolute value, <c>y = |x|</c>. The gradient at 0 is 0, as in PyTorch.</summary>
    public Tensor Abs() => UnaryOp<AbsFunction>.Apply(default, this);
}

/// <summary>y = |x|, dx = dy · sign(x).</summary>
internal readonly struct AbsFunction : IUnaryFunction
{
    public string Name => "abs";

    public Saved GradientReads => Saved.Input0;

    public R Value<R>(R x) where R : struct, IReal<R> => R.Abs(x);

    public R Gradient<R>(R dy, R x, R y) where R : struct, IReal<R> => R.IfGreater(x, R.Of(0), dy, R.IfGreater(R.Of(0), x, -dy, R.Of(0)));
}
