namespace MiniDL.Layers;

/// <summary>Affine map of the last dimension: <c>y = x · Wᵀ + b</c>, W [out, in], b [out].</summary>
public sealed class Linear : Module
{
    private readonly Parameter _weight;
    private readonly Parameter? _bias;

    /// <summary>Makes the layer with PyTorch's initial values, uniform in ±1/√in.</summary>
    /// <param name="inFeatures">Size of the last dimension of the input.</param>
    /// <param name="outFeatures">Size of the last dimension of the output.</param>
    /// <param name="bias">Whether a bias is added.</param>
    /// <param name="random">Where initial values are drawn from; seed 0 by default.</param>
    public Linear(int inFeatures, int outFeatures, bool bias = true, RandomStream? random = null)
    {
        Check.That(inFeatures > 0 && outFeatures > 0, "linear", $"inFeatures {inFeatures} and outFeatures {outFeatures} must be positive.");
        random ??= new RandomStream(0).Fork("linear");
        double bound = 1 / Math.Sqrt(inFeatures);
        _weight = RegisterParameter("weight", Tensor.Uniform([outFeatures, inFeatures], random, -bound, bound));
        if (bias) _bias = RegisterParameter("bias", Tensor.Uniform([outFeatures], random, -bound, bound));
    }

    /// <summary>[out, in].</summary>
    public Parameter Weight => _weight;

    /// <summary>[out], or null.</summary>
    public Parameter? Bias => _bias;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Linear(_weight.Value, _bias?.Value);
}
