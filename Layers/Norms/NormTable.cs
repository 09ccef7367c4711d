namespace MiniDL.Layers;

/// <summary>A named norm: an entry of <see cref="NormTable"/>.</summary>
/// <param name="Name">What <c>--norm</c> calls it.</param>
/// <param name="Title">A short description.</param>
/// <param name="Images">Makes the norm for images [N, channels, H, W].</param>
/// <param name="Features">Makes the norm for features [N, features]; null if it needs images.</param>
internal sealed record NormEntry(string Name, string Title, NormMaker Images, NormMaker? Features = null)
{
    /// <summary>Makes the norm for the end of a residual branch, where the shortcut is added; null to use <see cref="Images"/> there too.</summary>
    public NormMaker? BranchEnd { get; init; }

    /// <summary>How the weights of the layer before it are treated.</summary>
    public WeightTreatment Weights { get; init; }

    /// <summary>Whether convolutions have a bias: they need one unless a norm with its own bias follows.</summary>
    public bool ConvBias { get; init; }

    /// <summary>Whether channels are divided into groups, whose number can be chosen.</summary>
    public bool HasGroups { get; init; }

    /// <summary>Whether statistics are taken over the batch, so that one value is not enough.</summary>
    public bool IsOverBatch { get; init; }

    /// <summary>Whether it is an initialization of residual branches, which only makes sense in residual nets.</summary>
    public bool StartsBranches { get; init; }
}

/// <summary>Makes a norm.</summary>
/// <param name="channels">The number of channels or features.</param>
/// <param name="settings">Gives the number of groups and the size of a virtual batch.</param>
internal delegate Norm NormMaker(int channels, NormFactory settings);

/// <summary>What a norm does to the weights of the layer before it.</summary>
internal enum WeightTreatment
{
    None,
    WeightNorm,
    WeightStandardization,
}

/// <summary>
/// The named norms. A new norm needs a file and an entry here: the command line, its help and its checks take everything from this
/// table.
/// </summary>
/// <remarks>
/// For images, ln is <see cref="GroupNorm"/> with one group, as in the GN paper, and rms its counterpart without centring; for
/// features [N, C], ln is <see cref="LayerNorm"/>. in is affine. wn reparametrizes the weights and has no norm layers, wn-mbn adds a
/// <see cref="MeanOnlyBatchNorm"/> after each layer, ws standardizes the weights and adds group norm. FRN and the EvoNorms include their
/// activation: inside a residual branch they replace norm and ReLU; at its end they come without their activation, and the ReLU after
/// the sum stays. fixup and skipinit are nets without norms whose residual branches start at 0.
/// </remarks>
internal static class NormTable
{
    private static readonly Lock Adding = new();

    /// <summary>Replaced as a whole by <see cref="Add"/>, so that readers need no lock.</summary>
    public static IReadOnlyList<NormEntry> All { get; private set; } =
    [
        new("bn", "batch", (c, _) => new BatchNorm2d(c), (c, _) => new BatchNorm1d(c)) { IsOverBatch = true },
        new("gn", "group", (c, s) => new GroupNorm(s.Groups, c), (c, s) => new GroupNorm(s.Groups, c)) { HasGroups = true },
        new("ln", "layer", (c, _) => new GroupNorm(1, c), (c, _) => new LayerNorm([c])),
        new("in", "instance", (c, _) => new InstanceNorm2d(c, affine: true)),
        new("wn", "weight normalization", (_, _) => new NoNorm(), (_, _) => new NoNorm()) { Weights = WeightTreatment.WeightNorm, ConvBias = true },
        new("none", "no norm", (_, _) => new NoNorm(), (_, _) => new NoNorm()) { ConvBias = true },
        new("rms", "root mean square", (c, _) => new ChannelRmsNorm(c), (c, _) => new RmsNorm([c])) { ConvBias = true },
        new("lrn", "local response", (_, _) => new LocalResponseNorm(size: 5)) { ConvBias = true },
        new("lp1", "ℓ1 batch", (c, _) => new LpBatchNorm2d(c, 1), (c, _) => new LpBatchNorm1d(c, 1)) { IsOverBatch = true },
        new("lp2", "ℓ2 batch", (c, _) => new LpBatchNorm2d(c, 2), (c, _) => new LpBatchNorm1d(c, 2)) { IsOverBatch = true },
        new("lpinf", "ℓ∞ batch", (c, _) => new LpBatchNorm2d(c, double.PositiveInfinity), (c, _) => new LpBatchNorm1d(c, double.PositiveInfinity))
            { IsOverBatch = true },
        new("ghost", "BN of virtual batches", (c, s) => new GhostBatchNorm2d(c, s.VirtualBatch), (c, s) => new GhostBatchNorm1d(c, s.VirtualBatch))
            { IsOverBatch = true },
        new("brn", "batch renormalization", (c, _) => new BatchRenorm2d(c), (c, _) => new BatchRenorm1d(c)) { IsOverBatch = true },
        new("wn-mbn", "weight norm with mean-only BN", (c, _) => new MeanOnlyBatchNorm(c), (c, _) => new MeanOnlyBatchNorm(c))
            { Weights = WeightTreatment.WeightNorm, IsOverBatch = true },
        new("ws", "weight standardization with GN", (c, s) => new GroupNorm(s.Groups, c), (c, s) => new GroupNorm(s.Groups, c))
            { Weights = WeightTreatment.WeightStandardization, HasGroups = true },
        new("frn", "filter response norm with TLU", (c, _) => new FilterResponseNorm2d(c))
            { BranchEnd = (c, _) => new FilterResponseNorm2d(c, activation: false) },
        new("evonorm-s0", "EvoNorm-S0", (c, s) => new EvoNormS0(s.Groups, c))
            { BranchEnd = (c, s) => new EvoNormS0(s.Groups, c, activation: false), HasGroups = true },
        new("evonorm-b0", "EvoNorm-B0", (c, _) => new EvoNormB0(c)) { BranchEnd = (c, _) => new EvoNormB0(c, activation: false), IsOverBatch = true },
        new("dyt", "dynamic tanh", (c, _) => new DynamicTanh(c), (c, _) => new DynamicTanh(c)),
        new("fixup", "no norm (Fixup)", (_, _) => new ScalarBias()) { StartsBranches = true },
        new("skipinit", "no norm (SkipInit)", (_, _) => new NoNorm()) { BranchEnd = (_, _) => new SkipInit(), StartsBranches = true, ConvBias = true },
    ];

    /// <summary>Adds a norm from outside this library.</summary>
    /// <exception cref="MiniDLException">The name is taken.</exception>
    public static void Add(NormEntry entry)
    {
        lock (Adding)
        {
            if (All.Any(known => known.Name == entry.Name))
                throw new MiniDLException($"[norm] there is a norm '{entry.Name}' already; choose another name.");
            All = [.. All, entry];
        }
    }
}
