namespace MiniDL.Layers;

/// <summary>
/// Local response normalization over channels of [N, C, …spatial]: <c>y[c] = x[c] / (k + alpha · average)^beta</c>, where the average is
/// that of x² over <c>size</c> neighbouring channels, c − ⌊size/2⌋ to c + ⌊(size − 1)/2⌋; at the edges it is divided by size too.
/// Krizhevsky et al. 2012.
/// </summary>
/// <example><code>var norm = new LocalResponseNorm(size: 5);</code></example>
public sealed class LocalResponseNorm : Norm
{
    private readonly int _size;
    private readonly double _alpha, _beta, _k;

    /// <summary>Makes the layer; it has no parameters.</summary>
    /// <param name="size">The number of neighbouring channels in the average.</param>
    /// <param name="alpha">The weight of the average.</param>
    /// <param name="beta">The exponent.</param>
    /// <param name="k">Added to the weighted average.</param>
    /// <exception cref="ShapeException">The size is not positive.</exception>
    public LocalResponseNorm(int size, double alpha = 1e-4, double beta = 0.75, double k = 1)
    {
        Check.That(size > 0, "local_response_norm", $"size {size} must be positive.");
        (_size, _alpha, _beta, _k) = (size, alpha, beta, k);
    }

    /// <inheritdoc/>
    protected override Tensor ForwardPlain(Tensor x)
    {
        Check.That(x.Rank >= 3, "local_response_norm", $"input {x.Shape} has {x.Rank} dimensions, expected at least 3, [N, C, …spatial].");
        int channels = x.Shape[1];
        var square = x.Square().Pad((0, 0), (_size / 2, (_size - 1) / 2));
        var sum = square.Slice(dim: 1, start: 0, stop: channels);
        for (int i = 1; i < _size; i++) sum += square.Slice(dim: 1, start: i, stop: i + channels);
        return x / (sum * (_alpha / _size) + _k).Pow(_beta);
    }
}
