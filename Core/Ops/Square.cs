using System.Numerics;
using System.Numerics.Tensors;
using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The square, <c>y = x²</c>.</summary>
    public Tensor Square() => UnaryOp<SquareFunction>.Apply(default, this);
}

/// <summary>y = x², dx = 2 · x · dy.</summary>
internal readonly struct SquareFunction : IUnaryFunction, IVectorExpression
{
    public string Name => "square";

    public Saved GradientReads => Saved.Input0;

    public double Value(double x) => x * x;

    public double Gradient(double dy, double x, double y) => 2 * x * dy;

    public void Values(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Multiply(x, x, y);

    public void Gradients(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx) =>
        VectorLoop.Run(this, dy, x, y, dx);

    Vector<float> IVectorExpression.Of(Vector<float> dy, Vector<float> x, Vector<float> y) => (x + x) * dy;
}
