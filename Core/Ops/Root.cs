namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>2⁻¹²⁶, the smallest float that keeps all its digits.</summary>
    private const double Smallest = 1.17549435e-38;

    /// <summary>
    /// The root at the end of an ℓp norm, <c>y = x^(1/p)</c> of a sum or mean x of p-th powers. At 0 the gradient is 0, one of the norm's
    /// subgradients there; the gradients of <see cref="Sqrt"/> and <see cref="Pow"/> are infinite at 0 and would lead to 0 · ∞ = NaN.
    /// </summary>
    /// <remarks>
    /// Positive x below 2⁻¹²⁶ count as 2⁻¹²⁶. For p = 2 so does 0, since the root, 10⁻¹⁹, is negligible next to any eps.
    /// </remarks>
    internal Tensor NormRoot(double p = 2)
    {
        var atLeast = Maximum(Full([1], Smallest, Device, DType));
        return p == 2 ? atLeast.Sqrt() : atLeast.Pow(1 / p) * OneWherePositive();
    }

    /// <summary>1 where this non-negative tensor is above 0, and 0 where it is 0; a constant.</summary>
    internal Tensor OneWherePositive()
    {
        using var noGrad = new NoGrad();
        var share = BinaryOp<MaximumOp.ShareFunction>.Zip(default, this, Full([1], 0, Device, DType));
        return new AffineOp("one_where_positive", share, 2, -1).Run();
    }
}
