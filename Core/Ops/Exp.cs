namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The exponential, <c>y = eˣ</c>.</summary>
    public Tensor Exp() => UnaryOp<ExpFunction>.Apply(default, this);
}

/// <summary>y = eˣ, dx = dy · y.</summary>
internal readonly struct ExpFunction : IUnaryFunction
{
    public string Name => "exp";

    public Saved GradientReads => Saved.Result;

    public R Value<R>(R x) where R : struct, IReal<R> => R.Exp(x);

    public R Gradient<R>(R dy, R x, R y) where R : struct, IReal<R> => dy * y;
}
