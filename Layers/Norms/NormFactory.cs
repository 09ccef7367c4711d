namespace MiniDL.Layers;

/// <summary>
/// Makes the norms of a model: either a named kind, as in <c>--norm</c>, or your own. A model asks it for every norm that it needs,
/// and passes it the layers whose weights it may reparametrize.
/// </summary>
/// <example><code>
/// var named = new ResNet(20, NormFactory.Named("gn", groups: 8), random);
/// var own = new ResNet(20, NormFactory.Of(channels => new GroupNorm(channels / 4, channels)), random);
/// </code></example>
public sealed class NormFactory
{
    private readonly NormEntry _entry;

    private NormFactory(NormEntry entry, int groups, int virtualBatch) => (_entry, Groups, VirtualBatch) = (entry, groups, virtualBatch);

    /// <summary>Every name that <see cref="Named"/> takes, those of <see cref="Register"/> last.</summary>
    public static IReadOnlyList<string> Names => [.. NormTable.All.Select(entry => entry.Name)];

    /// <summary>The name: <c>bn</c>; <c>custom</c> for your own norm.</summary>
    public string Name => _entry.Name;

    /// <summary>A short description: <c>batch</c>, <c>weight standardization with GN</c>.</summary>
    public string Title => _entry.Title;

    /// <summary>The number of groups of gn, ws and evonorm-s0.</summary>
    public int Groups { get; }

    /// <summary>The number of samples that share statistics in ghost batch normalization.</summary>
    public int VirtualBatch { get; }

    /// <summary>Whether channels are divided into <see cref="Groups"/>.</summary>
    public bool HasGroups => _entry.HasGroups;

    /// <summary>Whether statistics are taken over the batch, so that one value is not enough.</summary>
    public bool IsOverBatch => _entry.IsOverBatch;

    /// <summary>Whether it is an initialization of residual branches, which only makes sense in residual nets.</summary>
    public bool StartsBranches => _entry.StartsBranches;

    /// <summary>Whether it can normalize features [N, C].</summary>
    public bool TakesFeatures => _entry.Features is not null;

    /// <summary>Whether the model's layers are to be weight-normalized.</summary>
    public bool UsesWeightNorm => _entry.Weights == WeightTreatment.WeightNorm;

    /// <summary>Whether residual nets are built and initialized according to Fixup: <see cref="FixupBlock"/>.</summary>
    public bool UsesFixup => Name == "fixup";

    /// <summary>Whether convolutions have a bias: they need one unless a norm with its own bias follows.</summary>
    public bool ConvBias => _entry.ConvBias;

    /// <summary>The factory for a named kind of norm.</summary>
    /// <param name="name">One of <see cref="Names"/>; <see cref="Title"/> says what each is.</param>
    /// <param name="groups">The number of groups of gn, ws and evonorm-s0; it must divide every layer's channels.</param>
    /// <param name="virtualBatch">The number of samples in a virtual batch of ghost.</param>
    /// <exception cref="MiniDLException">There is no such norm, or a number is not positive.</exception>
    public static NormFactory Named(string name, int groups = 8, int virtualBatch = 16)
    {
        if (groups < 1) throw new MiniDLException($"[norm] groups {groups} must be at least 1.");
        if (virtualBatch < 1) throw new MiniDLException($"[norm] virtualBatch {virtualBatch} must be at least 1.");
        var entry = NormTable.All.FirstOrDefault(entry => entry.Name == name)
            ?? throw new MiniDLException($"[norm] there is no norm '{Quote.Text(name)}'; use {string.Join(", ", Names)}.");
        return new NormFactory(entry, groups, virtualBatch);
    }

    /// <summary>
    /// Gives your own norm a name, which <see cref="Named"/> then takes, and with it everything that takes norms by name. Convolutions before it
    /// have no bias.
    /// </summary>
    /// <param name="name">Small letters, digits and dashes: files are named after it.</param>
    /// <param name="title">A short description.</param>
    /// <param name="create">Makes the norm from the number of channels; it is given images [N, channels, H, W] or features [N, channels].</param>
    /// <remarks>A name lasts until the program ends. Register norms at its start, before anything is made from their names.</remarks>
    /// <exception cref="MiniDLException">The name is taken, or has other characters.</exception>
    /// <example><code>
    /// NormFactory.Register("gn4", "groups of four channels", channels => new GroupNorm(channels / 4, channels));
    /// var model = new ResNet(20, NormFactory.Named("gn4"), random);
    /// </code></example>
    public static void Register(string name, string title, Func<int, Norm> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        if (name is "" or ['-', ..] || !name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'))
            throw new MiniDLException($"[norm] '{Quote.Text(name)}' cannot be the name of a norm: use small letters, digits and, but for the first, dashes.");
        NormTable.Add(new NormEntry(name, title, (channels, _) => create(channels), (channels, _) => create(channels)));
    }

    /// <summary>Your own norm everywhere, made from the number of channels; convolutions have no bias.</summary>
    public static NormFactory Of(Func<int, Norm> create) => new(
        new NormEntry("custom", "a norm of one's own", (channels, _) => create(channels), (channels, _) => create(channels)), groups: 1, virtualBatch: 1);

    /// <summary>A new norm for images [N, channels, H, W]; <see cref="NoNorm"/> if this kind has none.</summary>
    /// <exception cref="ShapeException">The channels are not divisible by the groups.</exception>
    public Norm Create(int channels) => _entry.Images(channels, this);

    /// <summary>A new norm for the end of a residual branch, [N, channels, H, W], where the shortcut is added.</summary>
    /// <inheritdoc cref="Create"/>
    public Norm CreateBranchEnd(int channels) => (_entry.BranchEnd ?? _entry.Images)(channels, this);

    /// <summary>A new norm for features [N, features]; <see cref="NoNorm"/> if this kind has none.</summary>
    /// <exception cref="MiniDLException">The norm needs images or residual branches, or the features are not divisible by the groups.</exception>
    public Norm CreateForFeatures(int features) =>
        _entry.Features is { } create ? create(features, this) : throw new MiniDLException(
            (StartsBranches ? $"[norm] {Name} is a way to start residual branches, and this model has none." :
                $"[norm] {Name} normalizes over the pixels of images, and features [N, C] have none.")
            + " Use bn, gn, ln, rms or wn for linear layers.");

    /// <summary>The layer, with its weight reparametrized if this norm requires it.</summary>
    internal T Normalized<T>(T layer) where T : Module => _entry.Weights switch
    {
        WeightTreatment.WeightNorm => WeightNorm.Apply(layer),
        WeightTreatment.WeightStandardization => WeightStandardization.Apply(layer),
        _ => layer,
    };

    /// <inheritdoc/>
    public override string ToString() => Name;
}
