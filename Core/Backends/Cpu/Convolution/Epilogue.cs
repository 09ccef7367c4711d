namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// What is done to a convolution's outputs while they are in registers: y = act(x ∗ w + bias[k] + residual).
/// </summary>
/// <param name="residual">Stored like y; null for 0.</param>
/// <param name="relu">Whether negative values become 0.</param>
internal readonly unsafe struct Epilogue(float* residual, bool relu)
{
    public float* Residual { get; } = residual;

    public bool Relu { get; } = relu;
}
