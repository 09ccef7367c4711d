using System.Runtime.Intrinsics;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// The three passes of a convolution, in the widest vectors of this processor; which algorithm runs follows from the shape.
/// </summary>
internal abstract unsafe class Convolver
{
    /// <summary>Chosen once, at start.</summary>
    public static Convolver Widest { get; } =
        Vector512.IsHardwareAccelerated ? new Convolver<Simd512, Vector512<float>>()
        : Vector256.IsHardwareAccelerated ? new Convolver<Simd256, Vector256<float>>()
        : Vector128.IsHardwareAccelerated ? new Convolver<Simd128, Vector128<float>>()
        : new Convolver<SimdScalar, float>();

    /// <summary>Values in a vector: 16, 8, 4 or 1.</summary>
    public abstract int Lanes { get; }

    /// <inheritdoc cref="Backend.Conv2d"/>
    public abstract void Forward(float* x, float* weight, float* bias, float* y, in Window2d g);

    /// <inheritdoc cref="Backend.Conv2dInputGradient"/>
    public abstract void InputGradient(float* dy, float* weight, float* dx, in Window2d g);

    /// <inheritdoc cref="Backend.Conv2dWeightGradient"/>
    public abstract void WeightGradient(float* x, float* dy, float* dw, in Window2d g);
}

/// <inheritdoc/>
internal sealed unsafe class Convolver<TSimd, V> : Convolver where TSimd : struct, ISimd<V> where V : unmanaged
{
    public override int Lanes => TSimd.Lanes;

    public override void Forward(float* x, float* weight, float* bias, float* y, in Window2d g)
    {
        if (WinogradConvolution<TSimd, V>.Suits(g)) WinogradConvolution<TSimd, V>.Forward(x, weight, bias, y, g);
        else DirectConvolution<TSimd, V>.Forward(x, weight, bias, y, g);
    }

    public override void InputGradient(float* dy, float* weight, float* dx, in Window2d g)
    {
        if (WinogradConvolution<TSimd, V>.Suits(g)) WinogradConvolution<TSimd, V>.InputGradient(dy, weight, dx, g);
        else DirectConvolution<TSimd, V>.InputGradient(dy, weight, dx, g);
    }

    public override void WeightGradient(float* x, float* dy, float* dw, in Window2d g)
    {
        if (WinogradWeightGradient<TSimd, V>.Suits(g)) WinogradWeightGradient<TSimd, V>.Run(x, dy, dw, g);
        else DirectWeightGradient<TSimd, V>.Run(x, dy, dw, g);
    }
}
