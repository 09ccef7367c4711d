namespace MiniDL.Layers;

/// <summary>
/// Which normalization a model is built with: what <c>--norm</c> names. A model asks it for a norm wherever one stands.
/// </summary>
/// <remarks>
/// For images ln is <see cref="GroupNorm"/> with one group, as in the GN paper, and rms its counterpart without centring; for
/// features [N, C] ln is <see cref="LayerNorm"/>. in is affine. wn reparametrizes the weights and has no norm layers.
/// </remarks>
public sealed class NormChoice
{
    private static readonly string[] Known = ["bn", "gn", "ln", "in", "wn", "none", "rms", "lrn", "lp1", "lp2", "lpinf"];

    private readonly Func<int, bool, Norm> _create;

    private NormChoice(string name, Func<int, bool, Norm> create) => (Name, _create) = (name, create);

    /// <summary>Every name that <see cref="Parse"/> takes.</summary>
    public static IReadOnlyList<string> Names => Known;

    /// <summary>The name: <c>bn</c>.</summary>
    public string Name { get; }

    /// <summary>Whether the model's layers are to be weight-normalized.</summary>
    public bool UsesWeightNorm => Name == "wn";

    /// <summary>Whether convolutions have a bias: they need one where no norm with a bias of its own follows.</summary>
    public bool ConvBias => Name is "wn" or "none";

    /// <summary>The choice of that name.</summary>
    /// <param name="name">bn batch, gn group, ln layer, in instance, wn weight, rms root mean square, lrn local response, lp1, lp2 and
    /// lpinf ℓp batch normalization, or none.</param>
    /// <param name="groups">The groups of gn; as many as channels where there are fewer channels.</param>
    /// <exception cref="MiniDLException">There is no such norm, or the groups are not positive.</exception>
    public static NormChoice Parse(string name, int groups = 8)
    {
        if (groups < 1) throw new MiniDLException($"[norm] groups {groups} must be at least 1.");
        return new NormChoice(name, name switch
        {
            "bn" => (channels, images) => images ? new BatchNorm2d(channels) : new BatchNorm1d(channels),
            "gn" => (channels, _) => new GroupNorm(Math.Min(groups, channels), channels),
            "ln" => (channels, images) => images ? new GroupNorm(1, channels) : new LayerNorm([channels]),
            "in" => (channels, images) => images ? new InstanceNorm2d(channels, affine: true) : throw NeedsImages("in"),
            "rms" => (channels, images) => images ? new ChannelRmsNorm(channels) : new RmsNorm([channels]),
            "lrn" => (_, images) => images ? new LocalResponseNorm(size: 5) : throw NeedsImages("lrn"),
            "lp1" => (channels, images) => Lp(channels, images, 1),
            "lp2" => (channels, images) => Lp(channels, images, 2),
            "lpinf" => (channels, images) => Lp(channels, images, double.PositiveInfinity),
            "wn" or "none" => (_, _) => new Identity(),
            _ => throw new MiniDLException($"[norm] there is no norm '{name}'; use {string.Join(", ", Known)}."),
        });
    }

    /// <summary>A norm of one's own for every place, made from its number of channels; convolutions have no bias.</summary>
    public static NormChoice Of(Func<int, Norm> create) => new("custom", (channels, _) => create(channels));

    /// <summary>A new norm for images [N, channels, H, W]; <see cref="Identity"/> where there is none.</summary>
    /// <exception cref="ShapeException">The channels are not divisible by the groups.</exception>
    public Norm Create(int channels) => _create(channels, true);

    /// <summary>A new norm for features [N, features]; <see cref="Identity"/> where there is none.</summary>
    /// <exception cref="MiniDLException">The norm needs images, or the features are not divisible by the groups.</exception>
    public Norm CreateForFeatures(int features) => _create(features, false);

    /// <summary>The layer, its weight normalized if this choice says so.</summary>
    internal T Normalized<T>(T layer) where T : Module => UsesWeightNorm ? WeightNorm.Apply(layer) : layer;

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static Norm Lp(int channels, bool images, double p) =>
        images ? new LpBatchNorm2d(channels, p) : new LpBatchNorm1d(channels, p);

    private static MiniDLException NeedsImages(string name) =>
        new($"[norm] {name} normalizes over the pixels of images, and features [N, C] have none. Use bn, gn, ln, rms or wn for an MLP.");
}
