namespace MiniDL.Layers;

/// <summary>Affine map of the last dimension: <c>y = x · Wᵀ + b</c>, W [out, in], b [out].</summary>
/// <example><code>
/// var y = new Linear(inFeatures: 2, outFeatures: 16, random: random).Forward(Tensor.Ones([4, 2]));     // [4, 16]
/// </code></example>
public sealed class Linear : Module
{
    /// <summary>Makes the layer with PyTorch's initial values, uniform in ±1/√in.</summary>
    /// <param name="inFeatures">Size of the last dimension of the input.</param>
    /// <param name="outFeatures">Size of the last dimension of the output.</param>
    /// <param name="bias">Whether a bias is added.</param>
    /// <param name="random">Source of the initial values; by default a stream made for this layer.</param>
    /// <exception cref="ShapeException">A size is not positive.</exception>
    public Linear(int inFeatures, int outFeatures, bool bias = true, RandomStream? random = null)
    {
        Check.That(inFeatures > 0 && outFeatures > 0, "linear", $"inFeatures {inFeatures} and outFeatures {outFeatures} must be positive.");
        random = Init.Stream(random);
        Weight = RegisterParameter("weight", Init.Default([outFeatures, inFeatures], inFeatures, random));
        if (bias) Bias = RegisterParameter("bias", Init.Default([outFeatures], inFeatures, random));
    }

    /// <summary>[out, in].</summary>
    public Parameter Weight { get; }

    /// <summary>[out], or null.</summary>
    public Parameter? Bias { get; }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Linear(Weight.Value, Bias?.Value);
}
