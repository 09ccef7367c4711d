namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>2⁻¹²⁶, the smallest float that keeps all its digits.</summary>
    private const double Smallest = 1.17549435e-38;

    /// <summary>
    /// The root that ends an ℓp norm, <c>y = x^(1/p)</c> of a sum or mean x of p-th powers. Where x is 0 the gradient is 0, which a norm has
    /// among its subgradients there, while those of <see cref="Sqrt"/> and <see cref="Pow"/> are infinite and would make 0 · ∞ = NaN of it.
    /// </summary>
    /// <remarks>
    /// Positive x below 2⁻¹²⁶ count as that number, and 0 does for p = 2, where the root, 10⁻¹⁹, is nothing beside any eps.
    /// </remarks>
    internal Tensor NormRoot(double p = 2)
    {
        var atLeast = Maximum(Full([1], Smallest, Device, DType));
        return p == 2 ? atLeast.Sqrt() : atLeast.Pow(1 / p) * OneWherePositive();
    }

    /// <summary>1 where this, which is not negative, is above 0, and 0 where it is 0; a constant.</summary>
    internal Tensor OneWherePositive()
    {
        using var noGrad = new NoGrad();
        var share = BinaryOp<MaximumOp.ShareFunction>.Zip(default, this, Full([1], 0, Device, DType));
        return new AffineOp("one_where_positive", share, 2, -1).Run();
    }
}
