using System.Numerics;
using System.Runtime.Intrinsics;
using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The hyperbolic tangent, <c>y = tanh x</c>.</summary>
    public Tensor Tanh() => UnaryOp<TanhFunction>.Apply(default, this);
}

/// <summary>y = tanh x, dx = dy · (1 − y²).</summary>
internal readonly struct TanhFunction : IUnaryFunction, IVectorExpression, IDoubleExpression
{
    public string Name => "tanh";

    public Saved GradientReads => Saved.Result;

    public double Value(double x) => Math.Tanh(x);

    public double Gradient(double dy, double x, double y) => dy * (1 - y * y);

    public void Values(ReadOnlySpan<float> x, Span<float> y) => DoubleLoop.Run(this, x, y);

    public void Gradients(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx) =>
        VectorLoop.Run(this, dy, x, y, dx);

    Vector<float> IVectorExpression.Of(Vector<float> dy, Vector<float> x, Vector<float> y) => dy * (Vector<float>.One - y * y);

    /// <summary>
    /// ±(1 − 2 / (e^(2|x|) + 1)), which loses its digits near 0: below 1/64 the series x − x³/3 + 2x⁵/15, relative error below 10⁻¹².
    /// </summary>
    Vector512<double> IDoubleExpression.Of(Vector512<double> x)
    {
        var (one, size, z) = (DoubleMath.All(1), Vector512.Abs(x), x * x);
        var near = x + x * z * (z * DoubleMath.All(2.0 / 15) - DoubleMath.All(1.0 / 3));
        var far = one - (one + one) / (DoubleMath.Exp(size + size) + one);
        return Vector512.CopySign(Vector512.ConditionalSelect(Vector512.LessThan(size, DoubleMath.All(1.0 / 64)), near, far), x);
    }
}
