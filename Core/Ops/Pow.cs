using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using MiniDL.Backends;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>A power with a number as exponent, <c>y = xᵖ</c>; NaN where x is negative and p no integer.</summary>
    public Tensor Pow(double exponent) => UnaryOp<PowFunction>.Apply(new(exponent), this);
}

/// <summary>y = xᵖ, dx = dy · p · xᵖ⁻¹ (0 where p = 0).</summary>
internal readonly struct PowFunction(double exponent) : IUnaryFunction, IDoubleExpression
{
    public string Name => "pow";

    public double Parameter => exponent;

    public Saved GradientReads => Saved.Input0;

    public double Value(double x) => Math.Pow(x, exponent);

    public double Gradient(double dy, double x, double y) => exponent == 0 ? 0 : dy * exponent * Math.Pow(x, exponent - 1);

    public void Values(ReadOnlySpan<float> x, Span<float> y)
    {
        switch (exponent)
        {
            case 0: y.Fill(1); break;
            case 1: x.CopyTo(y); break;
            case 2: TensorPrimitives.Multiply(x, x, y); break;
            case -1: TensorPrimitives.Divide(1f, x, y); break;
            default: DoubleLoop.Run(this, x, y); break;
        }
    }

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
            new PowFunction(exponent - 1).Values(x[start..end], slope);
            TensorPrimitives.Multiply(slope, (float)exponent, slope);
            TensorPrimitives.Multiply(dy[start..end], slope, dx[start..end]);
        }
    }

    /// <summary>e^(p · ln |x|), with the sign of x where p is odd; of negative numbers there are no powers unless p is an integer.</summary>
    Vector512<double> IDoubleExpression.Of(Vector512<double> x)
    {
        var size = Vector512.Abs(x);
        var result = DoubleMath.Exp(DoubleMath.Log(size) * DoubleMath.All(exponent));
        // 1 to an infinite power, where the product above is 0 · ∞.
        result = Vector512.ConditionalSelect(Vector512.Equals(size, DoubleMath.All(1)), DoubleMath.All(1), result);
        if (double.IsOddInteger(exponent)) return Vector512.CopySign(result, x);
        if (double.IsInteger(exponent) || double.IsInfinity(exponent)) return result;
        var hasNone = Vector512.LessThan(x, DoubleMath.All(0)) & Vector512.GreaterThan(x, DoubleMath.All(double.NegativeInfinity));
        return Vector512.ConditionalSelect(hasNone, DoubleMath.All(double.NaN), result);
    }
}
