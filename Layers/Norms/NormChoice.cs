namespace MiniDL.Layers;

/// <summary>
/// Which normalization a model is built with: what <c>--norm</c> names. A model asks it for a norm wherever one stands, and hands
/// it the layers whose weights it may reparametrize.
/// </summary>
/// <remarks>
/// For images ln is <see cref="GroupNorm"/> with one group, as in the GN paper, and rms its counterpart without centring; for
/// features [N, C] ln is <see cref="LayerNorm"/>. in is affine. wn reparametrizes the weights and has no norm layers, wn-mbn has
/// <see cref="MeanOnlyBatchNorm"/> beside it, ws standardizes the weights before group norm. FRN and the EvoNorms bring their
/// activation: they replace norm and ReLU inside a residual branch; at its end they come without it, and the ReLU after the sum
/// stays. fixup and skipinit are nets without norms whose residual branches start at 0.
/// </remarks>
public sealed class NormChoice
{
    private static readonly Entry[] Table =
    [
        new("bn", (c, _) => new BatchNorm2d(c), (c, _) => new BatchNorm1d(c)),
        new("gn", (c, s) => new GroupNorm(s._groups, c), (c, s) => new GroupNorm(s._groups, c)),
        new("ln", (c, _) => new GroupNorm(1, c), (c, _) => new LayerNorm([c])),
        new("in", (c, _) => new InstanceNorm2d(c, affine: true)),
        new("wn", (_, _) => new Identity(), (_, _) => new Identity()) { Weights = Reparametrized.Normalized, ConvBias = true },
        new("none", (_, _) => new Identity(), (_, _) => new Identity()) { ConvBias = true },
        new("rms", (c, _) => new ChannelRmsNorm(c), (c, _) => new RmsNorm([c])) { ConvBias = true },
        new("lrn", (_, _) => new LocalResponseNorm(size: 5)) { ConvBias = true },
        new("lp1", (c, _) => new LpBatchNorm2d(c, 1), (c, _) => new LpBatchNorm1d(c, 1)),
        new("lp2", (c, _) => new LpBatchNorm2d(c, 2), (c, _) => new LpBatchNorm1d(c, 2)),
        new("lpinf", (c, _) => new LpBatchNorm2d(c, double.PositiveInfinity), (c, _) => new LpBatchNorm1d(c, double.PositiveInfinity)),
        new("ghost", (c, s) => new GhostBatchNorm2d(c, s.VirtualBatch), (c, s) => new GhostBatchNorm1d(c, s.VirtualBatch)),
        new("brn", (c, _) => new BatchRenorm2d(c), (c, _) => new BatchRenorm1d(c)),
        new("wn-mbn", (c, _) => new MeanOnlyBatchNorm(c), (c, _) => new MeanOnlyBatchNorm(c)) { Weights = Reparametrized.Normalized },
        new("ws", (c, s) => new GroupNorm(s._groups, c), (c, s) => new GroupNorm(s._groups, c))
            { Weights = Reparametrized.Standardized },
        new("frn", (c, _) => new FilterResponseNorm2d(c)) { BranchEnd = (c, _) => new FilterResponseNorm2d(c, activation: false) },
        new("evonorm-s0", (c, s) => new EvoNormS0(s._groups, c))
            { BranchEnd = (c, s) => new EvoNormS0(s._groups, c, activation: false) },
        new("evonorm-b0", (c, _) => new EvoNormB0(c)) { BranchEnd = (c, _) => new EvoNormB0(c, activation: false) },
        new("dyt", (c, _) => new DynamicTanh(c), (c, _) => new DynamicTanh(c)),
        new("fixup", (_, _) => new ScalarBias()) { Residual = true },
        new("skipinit", (_, _) => new Identity()) { BranchEnd = (_, _) => new SkipInit(), Residual = true, ConvBias = true },
    ];

    private readonly Entry _entry;
    private readonly int _groups;

    private NormChoice(Entry entry, int groups, int virtualBatch) => (_entry, _groups, VirtualBatch) = (entry, groups, virtualBatch);

    private delegate Norm Maker(int channels, NormChoice settings);

    private enum Reparametrized
    {
        No,
        Normalized,
        Standardized,
    }

    /// <summary>Every name that <see cref="Parse"/> takes.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Table.Select(entry => entry.Name)];

    /// <summary>The name: <c>bn</c>.</summary>
    public string Name => _entry.Name;

    /// <summary>Whether the model's layers are to be weight-normalized.</summary>
    public bool UsesWeightNorm => _entry.Weights == Reparametrized.Normalized;

    /// <summary>Whether a residual net is to be built and initialized after Fixup: <see cref="FixupBlock"/>.</summary>
    public bool UsesFixup => Name == "fixup";

    /// <summary>Whether convolutions have a bias: they need one where no norm with a bias of its own follows.</summary>
    public bool ConvBias => _entry.ConvBias;

    /// <summary>How many samples share statistics in ghost batch normalization.</summary>
    public int VirtualBatch { get; }

    /// <summary>The choice of that name.</summary>
    /// <param name="name">bn batch, gn group, ln layer, in instance, wn weight, none, rms root mean square, lrn local response, lp1, lp2 and
    /// lpinf ℓp batch normalization, ghost batch, brn batch renormalization, wn-mbn weight with mean-only batch, ws group with weight
    /// standardization, frn filter response, evonorm-s0, evonorm-b0, dyt dynamic tanh, fixup or skipinit.</param>
    /// <param name="groups">The groups of gn, ws and evonorm-s0; every layer's channels must be divisible by them.</param>
    /// <param name="virtualBatch">The samples of a virtual batch of ghost.</param>
    /// <exception cref="MiniDLException">There is no such norm, or a number is not positive.</exception>
    public static NormChoice Parse(string name, int groups = 8, int virtualBatch = 16)
    {
        if (groups < 1) throw new MiniDLException($"[norm] groups {groups} must be at least 1.");
        if (virtualBatch < 1) throw new MiniDLException($"[norm] virtualBatch {virtualBatch} must be at least 1.");
        var entry = Array.Find(Table, entry => entry.Name == name)
            ?? throw new MiniDLException($"[norm] there is no norm '{Quote.Text(name)}'; use {string.Join(", ", Names)}.");
        return new NormChoice(entry, groups, virtualBatch);
    }

    /// <summary>A norm of one's own for every place, made from its number of channels; convolutions have no bias.</summary>
    public static NormChoice Of(Func<int, Norm> create) =>
        new(new Entry("custom", (channels, _) => create(channels), (channels, _) => create(channels)), groups: 1, virtualBatch: 1);

    /// <summary>A new norm for images [N, channels, H, W]; <see cref="Identity"/> where there is none.</summary>
    /// <exception cref="ShapeException">The channels are not divisible by the groups.</exception>
    public Norm Create(int channels) => _entry.Images(channels, this);

    /// <summary>A new norm for the end of a residual branch, [N, channels, H, W], where the shortcut is added.</summary>
    /// <inheritdoc cref="Create"/>
    public Norm CreateBranchEnd(int channels) => (_entry.BranchEnd ?? _entry.Images)(channels, this);

    /// <summary>A new norm for features [N, features]; <see cref="Identity"/> where there is none.</summary>
    /// <exception cref="MiniDLException">The norm needs images or residual branches, or the features are not divisible by the groups.</exception>
    public Norm CreateForFeatures(int features) =>
        _entry.Features is { } create ? create(features, this) : throw new MiniDLException(
            (_entry.Residual ? $"[norm] {Name} is a way to start residual branches, and this model has none." :
                $"[norm] {Name} normalizes over the pixels of images, and features [N, C] have none.")
            + " Use bn, gn, ln, rms or wn for linear layers.");

    /// <summary>The layer, its weight reparametrized if this choice says so.</summary>
    internal T Normalized<T>(T layer) where T : Module => _entry.Weights switch
    {
        Reparametrized.Normalized => WeightNorm.Apply(layer),
        Reparametrized.Standardized => WeightStandardization.Apply(layer),
        _ => layer,
    };

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>What a name stands for.</summary>
    /// <param name="Name">The name.</param>
    /// <param name="Images">Makes the norm for images.</param>
    /// <param name="Features">Makes the norm for features; null where it needs images.</param>
    private sealed record Entry(string Name, Maker Images, Maker? Features = null)
    {
        /// <summary>Makes the norm for the end of a residual branch; null for the one for images.</summary>
        public Maker? BranchEnd { get; init; }

        public Reparametrized Weights { get; init; }

        public bool ConvBias { get; init; }

        /// <summary>Whether it has a meaning in residual nets alone.</summary>
        public bool Residual { get; init; }
    }
}
