using System.Numerics;
using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>Leaky rectified linear unit, <c>y = x</c> where x &gt; 0, else <c>slope · x</c>. The gradient at 0 is the slope.</summary>
    public Tensor LeakyRelu(double negativeSlope = 0.01) => UnaryOp<LeakyReluFunction>.Apply(new(negativeSlope), this);
}

/// <summary>y = x where x &gt; 0, else slope · x; dx = dy where x &gt; 0, else slope · dy.</summary>
internal readonly struct LeakyReluFunction(double slope) : IUnaryFunction, IVectorExpression
{
    private readonly float _slope = (float)slope;

    public string Name => "leaky_relu";

    public double Parameter => slope;

    public Saved GradientReads => Saved.Input0;

    public double Value(double x) => Gradient(x, x, 0);

    public double Gradient(double dy, double x, double y) => x > 0 ? dy : slope * dy;

    public void Values(ReadOnlySpan<float> x, Span<float> y) => VectorLoop.Run(this, x, x, x, y);

    public void Gradients(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx) =>
        VectorLoop.Run(this, dy, x, y, dx);

    Vector<float> IVectorExpression.Of(Vector<float> dy, Vector<float> x, Vector<float> y) =>
        Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), dy, _slope * dy);
}
