using System.Numerics;
using System.Numerics.Tensors;
using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The absolute value, <c>y = |x|</c>. The gradient at 0 is 0, as in PyTorch.</summary>
    public Tensor Abs() => UnaryOp<AbsFunction>.Apply(default, this);
}

/// <summary>y = |x|, dx = dy · sign(x).</summary>
internal readonly struct AbsFunction : IUnaryFunction, IVectorExpression
{
    public string Name => "abs";

    public Saved GradientReads => Saved.Input0;

    public double Value(double x) => Math.Abs(x);

    public double Gradient(double dy, double x, double y) => x > 0 ? dy : x < 0 ? -dy : 0;

    public void Values(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Abs(x, y);

    public void Gradients(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx) =>
        VectorLoop.Run(this, dy, x, y, dx);

    Vector<float> IVectorExpression.Of(Vector<float> dy, Vector<float> x, Vector<float> y)
    {
        var zero = Vector<float>.Zero;
        return Vector.ConditionalSelect(Vector.GreaterThan(x, zero), dy, Vector.ConditionalSelect(Vector.LessThan(x, zero), -dy, zero));
    }
}
