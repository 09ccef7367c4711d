
namespace MiniDL.Layers;

/// <summary>
/// The residual net for CIFAR of He et al. 2016, §4.2: a 3×3 convolution with 16 channels, three stages of n basic blocks with 16,
/// 32 and 64 channels, the second and third of which halve the image, global average pooling and a linear layer: 6n + 2 layers.
/// </summary>
/// <remarks>
/// State: <c>conv</c>, <c>norm</c>, <c>blocks.I.conv1</c>, <c>blocks.I.norm1</c>, <c>blocks.I.conv2</c>, <c>blocks.I.norm2</c>, <c>fc</c>.
/// Convolutions start He-normal (fan-out); they have a bias, initially 0, only if the norm has none (<see cref="NormFactory.ConvBias"/>).
/// With Fixup the blocks are <see cref="FixupBlock"/>s, a learned number is added after the last one (before the pooling, which passes it
/// on unchanged), and the linear layer starts at 0. With batch normalization there are 269,722 parameters at depth 20, 464,154 at 32,
/// 658,586 at 44 and 853,018 at 56.
/// </remarks>
public sealed class ResNet : Module
{
    private readonly Conv2d _conv;
    private readonly Norm _norm;
    private readonly Sequential _blocks;
    private readonly Linear _fc;

    /// <summary>Makes the net.</summary>
    /// <param name="depth">The number of layers with weights: 8, 14, 20, 32, 44, 56, 110, … = 6n + 2.</param>
    /// <param name="norm">The norm after every convolution.</param>
    /// <param name="random">Source of the initial values.</param>
    /// <param name="classes">The number of outputs.</param>
    /// <param name="inChannels">Channels of the images.</param>
    /// <exception cref="MiniDLException">The depth is not 6n + 2.</exception>
    public ResNet(int depth, NormFactory norm, RandomStream random, int classes = 10, int inChannels = 3)
    {
        if (depth < 8 || depth % 6 != 2)
            throw new MiniDLException($"[resnet] depth {depth} is not 6n + 2 with n ≥ 1; use 8, 14, 20, 32, 44, 56 or 110.");
        _conv = Register("conv", Convolution(inChannels, 16, stride: 1, norm, random));
        _norm = Register("norm", norm.Create(16));
        int blocksPerStage = (depth - 2) / 6;
        List<Module> blocks = [];
        foreach (var (channels, before) in new[] { (16, 16), (32, 16), (64, 32) })
            for (int i = 0; i < blocksPerStage; i++)
                blocks.Add(norm.UsesFixup
                    ? new FixupBlock(i == 0 ? before : channels, channels, blocks: 3 * blocksPerStage, random)
                    : new BasicBlock(i == 0 ? before : channels, channels, norm, random));
        if (norm.UsesFixup) blocks.Add(new ScalarBias());
        _blocks = Register("blocks", new Sequential([.. blocks]));
        _fc = Register("fc", new Linear(64, classes, random: random));
        if (!norm.UsesFixup) return;
        Init.Constant(_fc.Weight, 0);
        Init.Constant(_fc.Bias!, 0);
    }

    /// <summary>Makes the net with your own norm after every convolution.</summary>
    /// <inheritdoc cref="ResNet(int, NormFactory, RandomStream, int, int)"/>
    /// <example><code>var model = new ResNet(depth: 20, norm: channels => new GroupNorm(groups: 8, channels), random);</code></example>
    public ResNet(int depth, Func<int, Norm> norm, RandomStream random, int classes = 10, int inChannels = 3)
        : this(depth, NormFactory.Of(norm), random, classes, inChannels)
    {
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        // An error tells the shape of the whole batch.
        _conv.Window(x);
        return ImageParts.Forward(this, x, _fc.Weight.Value.Shape[0], OfImages);
    }

    private Tensor OfImages(Tensor x)
    {
        var h = new ConvNorm(_conv, _norm).Forward(x, activation: Activation.Relu);
        return _fc.Forward(_blocks.Forward(h).GlobalAvgPool2d());
    }

    /// <summary>The 3×3 convolution for every choice of norm but Fixup.</summary>
    internal static Conv2d Convolution(int inChannels, int outChannels, int stride, NormFactory norm, RandomStream random)
    {
        // The layer's own initial values come from a separate stream, so that nets with and without biases start alike.
        var conv = new Conv2d(inChannels, outChannels, 3, stride, padding: 1, bias: norm.ConvBias, random.Fork("unused"));
        Init.KaimingNormal(conv.Weight, random, FanMode.FanOut, Nonlinearity.Relu);
        if (conv.Bias is not null) Init.Constant(conv.Bias, 0);
        return norm.Normalized(conv);
    }
}
