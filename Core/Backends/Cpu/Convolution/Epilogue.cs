namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// What is done to a convolution's outputs while they are in registers: y = act(scale[k] · (x ∗ w) + bias[k] + residual).
/// </summary>
/// <param name="scale">[K], multiplied into the weights; null for 1.</param>
/// <param name="residual">Stored like y; null for 0.</param>
/// <param name="relu">Whether negative values become 0.</param>
internal readonly unsafe struct Epilogue(float* scale, float* residual, bool relu)
{
    public float* Scale { get; } = scale;

    public float* Residual { get; } = residual;

    public bool Relu { get; } = relu;
}
