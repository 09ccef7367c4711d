namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The logistic function, <c>y = 1 / (1 + e⁻ˣ)</c>.</summary>
    public Tensor Sigmoid() => UnaryOp<SigmoidFunction>.Apply(default, this);
}

/// <summary>y = 1 / (1 + e⁻ˣ), dx = dy · y · (1 − y).</summary>
internal readonly struct SigmoidFunction : IUnaryFunction
{
    public string Name => "sigmoid";

    public Saved GradientReads => Saved.Result;

    public bool InDouble => true;

    public R Value<R>(R x) where R : struct, IReal<R> => R.Of(1) / (R.Of(1) + R.Exp(-x));

    public R Gradient<R>(R dy, R x, R y) where R : struct, IReal<R> => dy * y * (R.Of(1) - y);
}
