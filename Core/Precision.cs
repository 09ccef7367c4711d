namespace MiniDL;

/// <summary>What a GPU computes convolutions in. Sums, statistics, parameters and their gradients are float in all of them.</summary>
public enum Precision
{
    /// <summary>Float throughout.</summary>
    Fp32,

    /// <summary>Operands of convolutions rounded to 10 bits of mantissa, for tensor cores.</summary>
    Tf32,

    /// <summary>
    /// What convolutions give, and what is computed of it up to the classifier, is stored as <see cref="DType.BF16"/>, 7 bits of mantissa
    /// and half the memory; convolutions round their weights alike. Statistics, parameters and the optimizer stay float.
    /// </summary>
    Bf16,
}
