using System.Numerics.Tensors;
using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>A power with a number as exponent, <c>y = xᵖ</c>; NaN where x is negative and p no integer.</summary>
    public Tensor Pow(double exponent) => UnaryOp<PowFunction>.Apply(new(exponent), this);
}

/// <summary>y = xᵖ, dx = dy · p · xᵖ⁻¹ (0 where p = 0).</summary>
internal readonly struct PowFunction(double exponent) : IUnaryFunction
{
    public string Name => "pow";

    public double Parameter => exponent;

    public Saved GradientReads => Saved.Input0;

    public double Value(double x) => Math.Pow(x, exponent);

    public double Gradient(double dy, double x, double y) => exponent == 0 ? 0 : dy * exponent * Math.Pow(x, exponent - 1);

    public void Values(ReadOnlySpan<float> x, Span<float> y) => TensorPrimitives.Pow(x, (float)exponent, y);

    public void Gradients(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx)
    {
        if (exponent == 0)
        {
            dx.Clear();
            return;
        }
        // In blocks through the stack, because dx may be dy.
        Span<float> block = stackalloc float[256];
        for (int start = 0; start < dx.Length; start += block.Length)
        {
            int end = Math.Min(start + block.Length, dx.Length);
            var slope = block[..(end - start)];
            TensorPrimitives.Pow(x[start..end], (float)(exponent - 1), slope);
            TensorPrimitives.Multiply(slope, (float)exponent, slope);
            TensorPrimitives.Multiply(dy[start..end], slope, dx[start..end]);
        }
    }
}
