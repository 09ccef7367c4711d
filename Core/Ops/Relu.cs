using System.Numerics;
using System.Numerics.Tensors;
using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Rectified linear unit, <c>y = max(x, 0)</c>. The gradient at 0 is 0 and NaN stays NaN, as in PyTorch.</summary>
    public Tensor Relu() => UnaryOp<ReluFunction>.Apply(default, this);
}

/// <summary>y = max(x, 0), dx = 0 where y ≤ 0, else dy.</summary>
internal readonly struct ReluFunction : IUnaryFunction, IVectorExpression
{
    public string Name => "relu";

    public Saved GradientReads => Saved.Result;

    public double Value(double x) => Math.Max(x, 0);

    public double Gradient(double dy, double x, double y) => y <= 0 ? 0 : dy;

    public void Values(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Max(x, 0f, y);

    public void Gradients(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx) =>
        VectorLoop.Run(this, dy, x, y, dx);

    Vector<float> IVectorExpression.Of(Vector<float> dy, Vector<float> x, Vector<float> y) =>
        Vector.ConditionalSelect(Vector.LessThanOrEqual(y, Vector<float>.Zero), Vector<float>.Zero, dy);
}
