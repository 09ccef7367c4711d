namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Leaky rectified linear unit, <c>y = x</c> where x &gt; 0, else <c>slope · x</c>. The gradient at 0 is the slope.</summary>
    public Tensor LeakyRelu(double negativeSlope = 0.01) => UnaryOp<LeakyReluFunction>.Apply(new(negativeSlope), this);
}

/// <summary>y = x where x &gt; 0, else slope · x; dx = dy where x &gt; 0, else slope · dy.</summary>
internal readonly struct LeakyReluFunction(double slope) : IUnaryFunction
{
    public string Name => "leaky_relu";

    public double Parameter => slope;

    public Saved GradientReads => Saved.Input0;

    public R Value<R>(R x) where R : struct, IReal<R> => Gradient(x, x, x);

    public R Gradient<R>(R dy, R x, R y) where R : struct, IReal<R> => R.IfGreater(x, R.Of(0), dy, R.Of(slope) * dy);
}
