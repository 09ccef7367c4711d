using System.Numerics;
using System.Numerics.Tensors;
using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The square root, <c>y = √x</c>; NaN below 0. The gradient at 0 is infinite.</summary>
    public Tensor Sqrt() => UnaryOp<SqrtFunction>.Apply(default, this);
}

/// <summary>y = √x, dx = dy / (2 · y).</summary>
internal readonly struct SqrtFunction : IUnaryFunction, IVectorExpression
{
    public string Name => "sqrt";

    public Saved GradientReads => Saved.Result;

    public double Value(double x) => Math.Sqrt(x);

    public double Gradient(double dy, double x, double y) => dy / (2 * y);

    public void Values(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Sqrt(x, y);

    public void Gradients(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx) =>
        VectorLoop.Run(this, dy, x, y, dx);

    Vector<float> IVectorExpression.Of(Vector<float> dy, Vector<float> x, Vector<float> y) => dy / (y + y);
}
