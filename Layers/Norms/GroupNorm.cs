using MiniDL.Backends;

namespace MiniDL.Layers;

/// <summary>
/// Group normalization of [N, C, …]: <c>y = (x − mean) / √(variance + eps) · weight + bias</c>, with mean and variance of each image
/// taken over all positions and the C/groups channels of a group. One group is the GN paper's layer norm; as many groups
/// as channels is its instance norm. Wu and He 2018.
/// </summary>
/// <remarks>State: <c>weight</c>, <c>bias</c>, [C] each.</remarks>
/// <example><code>var norm = new GroupNorm(groups: 4, channels: 16);</code></example>
public sealed class GroupNorm : MeanVarianceNorm
{
    /// <summary>Makes the layer: weight 1, bias 0.</summary>
    /// <param name="groups">The number of groups of channels.</param>
    /// <param name="channels">C, the number of channels.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="affine">Whether there are a weight and a bias, one of each per channel.</param>
    /// <exception cref="ShapeException">The channels are not divisible by the groups.</exception>
    public GroupNorm(int groups, int channels, double eps = 1e-5, bool affine = true) : base("group_norm", eps)
    {
        Check.That(groups > 0 && channels > 0, Operation, $"groups {groups} and channels {channels} must be positive.");
        Check.That(channels % groups == 0, Operation,
            $"{channels} channels are not divisible by {groups} groups: {channels} / {groups} = {channels / groups} remainder {channels % groups}. "
            + $"Use a divisor of {channels}.");
        (Groups, Channels) = (groups, channels);
        RegisterAffine([channels], affine, affine);
    }

    /// <summary>The number of groups.</summary>
    public int Groups { get; }

    /// <summary>The number of channels.</summary>
    public int Channels { get; }

    internal override bool TreatsImagesAlone => true;

    internal override NormGeometry? StatisticsOf(Shape images) => GeometryOf(images);

    private protected override NormGeometry Geometry(Shape x)
    {
        Check.That(x.Rank >= 2, Operation, $"input {x} has {x.Rank} dimensions, expected at least 2, [N, C, …].");
        Check.That(x[1] == Channels, Operation,
            $"input {x} has {x[1]} channels, the layer has {Channels}. Match channels to what comes before.");
        int positions = x.Product(2, x.Rank);
        Check.That(x[0] * positions * (Channels / Groups) != 1, Operation,
            $"needs more than one value per group, got input {x} in {Groups} groups. Use fewer groups or a larger input.");
        return new NormGeometry(x[0], positions, Channels, Groups);
    }

    private protected override Tensor Grouped(Tensor x) => x.Reshape([x.Shape[0], Groups, Channels / Groups, .. x.Shape.Sizes[2..]]);

    private protected override int[] Reduced(Tensor grouped) => From(2, grouped);
}
