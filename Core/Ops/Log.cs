namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The natural logarithm, <c>y = ln x</c>; −∞ at 0, NaN below.</summary>
    public Tensor Log() => UnaryOp<LogFunction>.Apply(default, this);
}

/// <summary>y = ln x, dx = dy / x.</summary>
internal readonly struct LogFunction : IUnaryFunction
{
    public string Name => "log";

    public Saved GradientReads => Saved.Input0;

    public R Value<R>(R x) where R : struct, IReal<R> => R.Log(x);

    public R Gradient<R>(R dy, R x, R y) where R : struct, IReal<R> => dy / x;
}
