using MiniDL.Backends;

namespace MiniDL.Layers;

/// <summary>
/// Layer normalization: <c>y = (x − mean) / √(variance + eps) · weight + bias</c>, with mean and variance taken over the last
/// dimensions, and a weight and a bias for each value in them. Ba et al. 2016.
/// </summary>
/// <remarks>
/// State: <c>weight</c>, <c>bias</c>, of the normalized shape. The GN paper's layer norm of images, with one weight per channel, is
/// <see cref="GroupNorm"/> with one group.
/// </remarks>
/// <example><code>var norm = new LayerNorm(normalizedShape: [32]);</code></example>
public sealed class LayerNorm : MeanVarianceNorm
{
    /// <summary>Makes the layer: weight 1, bias 0.</summary>
    /// <param name="normalizedShape">The sizes of the last dimensions, over which it normalizes: <c>[64]</c>.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="elementwiseAffine">Whether there are a weight and a bias.</param>
    /// <param name="bias">False leaves out only the bias.</param>
    /// <exception cref="ShapeException">The normalized shape is empty.</exception>
    public LayerNorm(Shape normalizedShape, double eps = 1e-5, bool elementwiseAffine = true, bool bias = true) : base("layer_norm", eps)
    {
        Check.That(normalizedShape.Rank > 0 && normalizedShape.Count > 0, Operation,
            $"normalizedShape {normalizedShape} must have at least one dimension and no size 0.");
        NormalizedShape = normalizedShape;
        RegisterAffine(normalizedShape, elementwiseAffine, elementwiseAffine && bias);
    }

    /// <summary>The sizes of the last dimensions, over which it normalizes.</summary>
    public Shape NormalizedShape { get; }

    private protected override bool IsChannelwise => false;

    private protected override NormGeometry Geometry(Shape x)
    {
        CheckLastDimensions(Operation, x, NormalizedShape);
        return new NormGeometry(x.Count / NormalizedShape.Count, Positions: 1, NormalizedShape.Count, Groups: 1);
    }

    private protected override int[] Reduced(Tensor x) => From(x.Rank - NormalizedShape.Rank, x);

    /// <summary>Throws unless the last dimensions of x are the normalized shape.</summary>
    internal static void CheckLastDimensions(string operation, Shape x, Shape normalizedShape)
    {
        int leading = x.Rank - normalizedShape.Rank;
        Check.That(leading >= 0 && x.Sizes[leading..].SequenceEqual(normalizedShape.Sizes), operation,
            $"input {x} does not end in the normalized shape {normalizedShape}; expected [*, {string.Join(", ", normalizedShape)}].");
    }
}
