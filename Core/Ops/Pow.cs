namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>A power with a number as exponent, <c>y = xᵖ</c>; NaN if x is negative and p is not an integer.</summary>
    public Tensor Pow(double exponent) => UnaryOp<PowFunction>.Apply(new(exponent), this);
}

/// <summary>y = xᵖ, dx = dy · p · xᵖ⁻¹ (0 where p = 0).</summary>
internal readonly struct PowFunction(double exponent) : IUnaryFunction
{
    public string Name => "pow";

    public double Parameter => exponent;

    public Saved GradientReads => Saved.Input0;

    public R Value<R>(R x) where R : struct, IReal<R> => exponent switch
    {
        0 => R.Of(1),
        1 => x,
        2 => x * x,
        -1 => R.Of(1) / x,
        _ => R.Pow(x, exponent),
    };

    public R Gradient<R>(R dy, R x, R y) where R : struct, IReal<R> => exponent == 0 ? R.Of(0)
        : dy * (new PowFunction(exponent - 1).Value(x) * R.Of(exponent));
}
