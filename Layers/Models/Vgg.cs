namespace MiniDL.Layers;

/// <summary>
/// The VGG net for small images: 3×3 convolutions in five stages of 64, 128, 256, 512 and 512 channels, each ending in 2×2 max
/// pooling, then linear layers with 512 and 512 outputs and one per class. A norm sits between every layer but the last and its
/// ReLU. Simonyan and Zisserman 2015, with the smaller linear layers that are usual for CIFAR.
/// </summary>
/// <remarks>
/// State: <c>layers.I</c>, convolutions and linear layers in order, and <c>norms.I</c>. Weights start Glorot-normal;
/// every layer has a bias, initially 0. Pooling stops once the image is one pixel, so images of 16×16 and 28×28
/// work too. At depth 13, for 32×32 colour images, there are 9,943,370 parameters with batch normalization and
/// 9,935,434 without norms.
/// </remarks>
/// <example><code>var model = new Vgg(11, NormFactory.Named("bn"), random, width: 0.25);      // a quarter of the channels</code></example>
public sealed class Vgg : Module
{
    private const int Hidden = 512;

    private static readonly int[] StageChannels = [64, 128, 256, 512, 512];

    private static readonly Dictionary<int, int[]> StageLayers = new()
    {
        [11] = [1, 1, 2, 2, 2],
        [13] = [2, 2, 2, 2, 2],
        [16] = [2, 2, 3, 3, 3],
        [19] = [2, 2, 4, 4, 4],
    };

    private readonly Sequential _layers, _norms;
    private readonly int _convolutions;

    /// <summary>After which convolutions the image is halved.</summary>
    private readonly HashSet<int> _pools = [];

    /// <summary>Makes the net.</summary>
    /// <param name="depth">The number of layers with weights: 11, 13, 16 or 19.</param>
    /// <param name="norm">The norm between a layer and its ReLU.</param>
    /// <param name="random">Source of the initial values.</param>
    /// <param name="input">The shape of an image, [C, H, W]; [3, 32, 32] by default.</param>
    /// <param name="classes">The number of outputs.</param>
    /// <param name="width">A factor on all channels and hidden features: 0.25 makes a net that trains
    /// quickly.</param>
    /// <exception cref="MiniDLException">There is no net of that depth, the width leaves a layer empty, or the norm cannot
    /// normalize the features of the linear layers.</exception>
    /// <exception cref="ShapeException">The input is not the shape of an image.</exception>
    public Vgg(int depth, NormFactory norm, RandomStream random, Shape? input = null, int classes = 10, double width = 1)
    {
        if (!StageLayers.TryGetValue(depth, out int[]? stages))
            throw new MiniDLException($"[vgg] there is no net of depth {depth}; use {string.Join(", ", StageLayers.Keys)}.");
        if (!(width * StageChannels[0] >= 1))
            throw new MiniDLException($"[vgg] width {width} leaves no channels; use 1/64 or more.");
        Shape image = input ?? [3, 32, 32];
        Check.That(image.Rank == 3 && image.Count > 0, "vgg", $"input {image} should be the shape of an image, [C, H, W].");
        var (channels, height, columns) = (image[0], image[1], image[2]);
        List<Module> layers = [], norms = [];
        foreach (var (stage, count) in stages.Index())
        {
            int wide = Scaled(StageChannels[stage], width);
            for (int i = 0; i < count; i++)
            {
                layers.Add(Convolution(channels, wide, norm, random));
                norms.Add(norm.Create(wide));
                channels = wide;
            }
            if (Math.Min(height, columns) < 2) continue;
            _pools.Add(layers.Count - 1);
            (height, columns) = (height / 2, columns / 2);
        }
        _convolutions = layers.Count;
        int hidden = Scaled(Hidden, width);
        foreach (int features in new[] { channels * height * columns, hidden })
        {
            layers.Add(norm.Normalized(Initialized(new Linear(features, hidden, random: random.Fork("unused")), random)));
            norms.Add(norm.CreateForFeatures(hidden));
        }
        layers.Add(Initialized(new Linear(hidden, classes, random: random.Fork("unused")), random));
        _layers = Register("layers", new Sequential([.. layers]));
        _norms = Register("norms", new Sequential([.. norms]));
    }

    /// <summary>Convolutions and linear layers in order; layer #k of the papers is <c>Layers[k − 1]</c>.</summary>
    public IReadOnlyList<Module> Layers => _layers.Children;

    /// <summary>
    /// The norm after each of <see cref="Layers"/> but the last: a forward hook on it sees the input of the ReLU.
    /// </summary>
    public IReadOnlyList<Norm> Norms => [.. _norms.Children.Cast<Norm>()];

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        for (int i = 0; i < _norms.Count; i++)
        {
            if (i == _convolutions) x = x.Flatten();
            x = ((Norm)_norms[i]).Forward(_layers[i].Forward(x), activation: Activation.Relu);
            if (_pools.Contains(i)) x = x.MaxPool2d((2, 2));
        }
        return _layers[^1].Forward(x);
    }

    private static int Scaled(int channels, double width) => (int)Math.Round(channels * width);

    private static Conv2d Convolution(int inChannels, int outChannels, NormFactory norm, RandomStream random)
    {
        // The layer's own initial values come from a separate stream: all weights are drawn from this one, in order.
        var conv = new Conv2d(inChannels, outChannels, 3, padding: 1, random: random.Fork("unused"));
        Init.XavierNormal(conv.Weight, random);
        Init.Constant(conv.Bias!, 0);
        return norm.Normalized(conv);
    }

    private static Linear Initialized(Linear linear, RandomStream random)
    {
        Init.XavierNormal(linear.Weight, random);
        Init.Constant(linear.Bias!, 0);
        return linear;
    }
}
