using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The exponential, <c>y = eˣ</c>.</summary>
    public Tensor Exp() => UnaryOp<ExpFunction>.Apply(default, this);
}

/// <summary>y = eˣ, dx = dy · y.</summary>
internal readonly struct ExpFunction : IUnaryFunction, IDoubleExpression
{
    public string Name => "exp";

    public Saved GradientReads => Saved.Result;

    public double Value(double x) => Math.Exp(x);

    public double Gradient(double dy, double x, double y) => dy * y;

    public void Values(ReadOnlySpan<float> x, Span<float> y) => DoubleLoop.Run(this, x, y);

    public void Gradients(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx) =>
        TensorPrimitives.Multiply(dy, y, dx);

    Vector512<double> IDoubleExpression.Of(Vector512<double> x) => DoubleMath.Exp(x);
}
