using MiniDL.Backends;

namespace MiniDL.Layers;

/// <summary>
/// Ghost batch normalization: <see cref="BatchNorm"/> with the statistics of virtual batches. A virtual batch is a run of
/// <c>virtualBatch</c> consecutive samples, normalized with its own mean and variance. Hoffer et al. 2017: it gives large batches the
/// regularizing noise of small ones.
/// </summary>
/// <remarks>
/// A batch smaller than the virtual batch is one virtual batch. The running statistics are updated once per batch, with the mean over
/// its virtual batches; the paper updates them with one after the other. Evaluation and state are those of <see cref="BatchNorm"/>.
/// </remarks>
/// <example><code>GhostBatchNorm norm = new GhostBatchNorm2d(numFeatures: 16, virtualBatch: 8);</code></example>
public abstract class GhostBatchNorm : BatchNorm
{
    private protected GhostBatchNorm(string shape, int minRank, int maxRank, int numFeatures, int virtualBatch, double eps,
        double? momentum, bool affine, bool trackRunningStats)
        : base(shape, minRank, maxRank, numFeatures, eps, momentum, affine, trackRunningStats, "ghost_batch_norm")
    {
        Check.That(virtualBatch > 0, Operation, $"virtualBatch {virtualBatch} must be positive.");
        VirtualBatch = virtualBatch;
    }

    /// <summary>The number of samples that share statistics.</summary>
    public int VirtualBatch { get; }

    internal override NormGeometry? StatisticsOf(Shape images) => null;

    private protected override NormGeometry Geometry(Shape x)
    {
        var geometry = base.Geometry(x);
        if (Constants is not null || x.Count == 0) return geometry;
        int batch = x[0], size = Math.Min(VirtualBatch, batch);
        Check.That(batch % size == 0, Operation,
            $"the batch of {batch} samples is not divisible into virtual batches of {size}. Use a divisor, and dropLast: true.");
        int positions = geometry.Positions / batch * size;
        Check.That(positions > 1, Operation,
            $"needs more than one value per channel in a virtual batch, got input {x} in virtual batches of {size}. Use larger ones.");
        return geometry with { Samples = batch / size, Positions = positions };
    }

    private protected override Tensor Grouped(Tensor x)
    {
        int size = Math.Max(1, Math.Min(VirtualBatch, x.Shape[0]));
        return x.Reshape([x.Shape[0] / size, size, .. x.Shape.Sizes[1..]]);
    }

    private protected override int[] Reduced(Tensor grouped) => [1, .. From(3, grouped)];
}

/// <summary>Ghost batch normalization of features [N, C] or sequences [N, C, L].</summary>
/// <inheritdoc cref="GhostBatchNorm"/>
/// <example><code>var norm = new GhostBatchNorm1d(numFeatures: 32, virtualBatch: 8);</code></example>
public sealed class GhostBatchNorm1d : GhostBatchNorm
{
    /// <summary>Makes the layer: weight 1, bias 0, running mean 0, running variance 1.</summary>
    /// <param name="numFeatures">C, the number of channels.</param>
    /// <param name="virtualBatch">The number of samples that share statistics; a larger batch must be divisible by it.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="momentum">The weight of the newest batch in the running statistics; null averages all batches equally.</param>
    /// <param name="affine">Whether there are a weight and a bias.</param>
    /// <param name="trackRunningStats">Whether running statistics are kept; without them evaluation uses the batch's own.</param>
    /// <exception cref="ShapeException">A setting is out of range.</exception>
    public GhostBatchNorm1d(int numFeatures, int virtualBatch = 16, double eps = 1e-5, double? momentum = 0.1, bool affine = true,
        bool trackRunningStats = true)
        : base("[N, C] or [N, C, L]", 2, 3, numFeatures, virtualBatch, eps, momentum, affine, trackRunningStats)
    {
    }
}

/// <summary>Ghost batch normalization of images [N, C, H, W].</summary>
/// <inheritdoc cref="GhostBatchNorm"/>
/// <example><code>var norm = new GhostBatchNorm2d(numFeatures: 16, virtualBatch: 8);</code></example>
public sealed class GhostBatchNorm2d : GhostBatchNorm
{
    /// <inheritdoc cref="GhostBatchNorm1d(int, int, double, double?, bool, bool)"/>
    public GhostBatchNorm2d(int numFeatures, int virtualBatch = 16, double eps = 1e-5, double? momentum = 0.1, bool affine = true,
        bool trackRunningStats = true)
        : base("[N, C, H, W]", 4, 4, numFeatures, virtualBatch, eps, momentum, affine, trackRunningStats)
    {
    }
}
