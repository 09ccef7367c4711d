namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The square, <c>y = x²</c>.</summary>
    public Tensor Square() => UnaryOp<SquareFunction>.Apply(default, this);
}

/// <summary>y = x², dx = 2 · x · dy.</summary>
internal readonly struct SquareFunction : IUnaryFunction
{
    public string Name => "square";

    public Saved GradientReads => Saved.Input0;

    public R Value<R>(R x) where R : struct, IReal<R> => x * x;

    public R Gradient<R>(R dy, R x, R y) where R : struct, IReal<R> => (x + x) * dy;
}
