namespace MiniDL;

/// <summary>The precision of convolutions on a GPU. Sums, statistics, parameters and their gradients are float in all of them.</summary>
/// <example><code>var device = Device.Cuda.In(Precision.Fp32);</code></example>
public enum Precision
{
    /// <summary>Float throughout.</summary>
    Fp32,

    /// <summary>Operands of convolutions are rounded to 10 bits of mantissa, for tensor cores.</summary>
    Tf32,

    /// <summary>
    /// Outputs of convolutions, and everything computed from them up to the classifier, are stored as <see cref="DType.BF16"/>: 7 bits of
    /// mantissa, half the memory. Convolutions round their weights likewise. Statistics, parameters and the optimizer stay float.
    /// </summary>
    Bf16,
}
