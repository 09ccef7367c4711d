using System.Numerics;
using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The hyperbolic tangent, <c>y = tanh x</c>.</summary>
    public Tensor Tanh() => UnaryOp<TanhFunction>.Apply(default, this);
}

/// <summary>y = tanh x, dx = dy · (1 − y²).</summary>
internal readonly struct TanhFunction : IUnaryFunction, IVectorExpression
{
    public string Name => "tanh";

    public Saved GradientReads => Saved.Result;

    public double Value(double x) => Math.Tanh(x);

    public double Gradient(double dy, double x, double y) => dy * (1 - y * y);

    // TensorPrimitives.Tanh loses all digits near 0, where it subtracts two numbers close to 1.
    public void Values(ReadOnlySpan<float> x, Span<float> y) => VectorLoop.Run(default(Forward), x, x, x, y);

    public void Gradients(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx) =>
        VectorLoop.Run(this, dy, x, y, dx);

    Vector<float> IVectorExpression.Of(Vector<float> dy, Vector<float> x, Vector<float> y) => dy * (Vector<float>.One - y * y);

    /// <summary>
    /// Lambert's continued fraction x / (1 + x² / (3 + x² / (5 + …))), cut after the 9, where |x| &lt; ½ (relative error below
    /// 10⁻⁹); elsewhere ±(1 − 2 / (e^(2|x|) + 1)).
    /// </summary>
    private readonly struct Forward : IVectorExpression
    {
        Vector<float> IVectorExpression.Of(Vector<float> x, Vector<float> same, Vector<float> again)
        {
            var (one, size, z) = (Vector<float>.One, Vector.Abs(x), x * x);
            var near = x * ((z + new Vector<float>(105)) * z + new Vector<float>(945))
                / ((15 * z + new Vector<float>(420)) * z + new Vector<float>(945));
            var far = Vector.CopySign(one - (one + one) / (Vector.Exp(size + size) + one), x);
            return Vector.ConditionalSelect(Vector.LessThan(size, new Vector<float>(0.5f)), near, far);
        }
    }
}
