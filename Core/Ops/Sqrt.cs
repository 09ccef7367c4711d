namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The square root, <c>y = √x</c>; NaN below 0. The gradient at 0 is infinite.</summary>
    public Tensor Sqrt() => UnaryOp<SqrtFunction>.Apply(default, this);
}

/// <summary>y = √x, dx = dy / (2 · y).</summary>
internal readonly struct SqrtFunction : IUnaryFunction
{
    public string Name => "sqrt";

    public Saved GradientReads => Saved.Result;

    public R Value<R>(R x) where R : struct, IReal<R> => R.Sqrt(x);

    public R Gradient<R>(R dy, R x, R y) where R : struct, IReal<R> => dy / (y + y);
}
