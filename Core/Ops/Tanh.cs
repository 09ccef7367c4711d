namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The hyperbolic tangent, <c>y = tanh x</c>.</summary>
    public Tensor Tanh() => UnaryOp<TanhFunction>.Apply(default, this);
}

/// <summary>y = tanh x, dx = dy · (1 − y²).</summary>
internal readonly struct TanhFunction : IUnaryFunction
{
    public string Name => "tanh";

    public Saved GradientReads => Saved.Result;

    public R Value<R>(R x) where R : struct, IReal<R> => R.Tanh(x);

    public R Gradient<R>(R dy, R x, R y) where R : struct, IReal<R> => dy * (R.Of(1) - y * y);
}
