using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The natural logarithm, <c>y = ln x</c>; −∞ at 0, NaN below.</summary>
    public Tensor Log() => UnaryOp<LogFunction>.Apply(default, this);
}

/// <summary>y = ln x, dx = dy / x.</summary>
internal readonly struct LogFunction : IUnaryFunction, IDoubleExpression
{
    public string Name => "log";

    public Saved GradientReads => Saved.Input0;

    public double Value(double x) => Math.Log(x);

    public double Gradient(double dy, double x, double y) => dy / x;

    public void Values(ReadOnlySpan<float> x, Span<float> y) => DoubleLoop.Run(this, x, y);

    public void Gradients(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx) =>
        TensorPrimitives.Divide(dy, x, dx);

    Vector512<double> IDoubleExpression.Of(Vector512<double> x) => DoubleMath.Log(x);
}
