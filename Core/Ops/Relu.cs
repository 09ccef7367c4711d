namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Rectified linear unit, <c>y = max(x, 0)</c>. The gradient at 0 is 0 and NaN stays NaN, as in PyTorch.</summary>
    public Tensor Relu() => UnaryOp<ReluFunction>.Apply(default, this);
}

/// <summary>y = max(x, 0), dx = 0 where y ≤ 0, else dy.</summary>
internal readonly struct ReluFunction : IUnaryFunction
{
    public string Name => "relu";

    public Saved GradientReads => Saved.Result;

    public R Value<R>(R x) where R : struct, IReal<R> => R.Max(x, R.Of(0));

    public R Gradient<R>(R dy, R x, R y) where R : struct, IReal<R> => R.IfAtMost(y, R.Of(0), R.Of(0), dy);
}
