using System.Numerics.Tensors;
using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Rectified linear unit, <c>y = max(x, 0)</c>. The gradient at 0 is 0, as in PyTorch.</summary>
    public Tensor Relu() => UnaryOp<ReluFunction>.Apply(default, this);
}

/// <summary>y = max(x, 0), dx = dy where y &gt; 0, else 0.</summary>
internal readonly struct ReluFunction : IUnaryFunction
{
    public string Name => "relu";

    public double Value(double x) => Math.Max(x, 0);

    public double Gradient(double dy, double x, double y) => y > 0 ? dy : 0;

    public void Values(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Max(x, 0f, y);

    public void Gradients(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx)
    {
        for (int i = 0; i < dx.Length; i++) dx[i] = y[i] > 0 ? dy[i] : 0;
    }
}
