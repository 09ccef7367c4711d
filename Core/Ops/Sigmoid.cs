using System.Numerics;
using System.Runtime.Intrinsics;
using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The logistic function, <c>y = 1 / (1 + e⁻ˣ)</c>.</summary>
    public Tensor Sigmoid() => UnaryOp<SigmoidFunction>.Apply(default, this);
}

/// <summary>y = 1 / (1 + e⁻ˣ), dx = dy · y · (1 − y).</summary>
internal readonly struct SigmoidFunction : IUnaryFunction, IVectorExpression, IDoubleExpression
{
    public string Name => "sigmoid";

    public Saved GradientReads => Saved.Result;

    public double Value(double x) => 1 / (1 + Math.Exp(-x));

    public double Gradient(double dy, double x, double y) => dy * y * (1 - y);

    public void Values(ReadOnlySpan<float> x, Span<float> y) => DoubleLoop.Run(this, x, y);

    public void Gradients(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx) =>
        VectorLoop.Run(this, dy, x, y, dx);

    Vector<float> IVectorExpression.Of(Vector<float> dy, Vector<float> x, Vector<float> y) => dy * y * (Vector<float>.One - y);

    Vector512<double> IDoubleExpression.Of(Vector512<double> x) => DoubleMath.All(1) / (DoubleMath.All(1) + DoubleMath.Exp(-x));
}
