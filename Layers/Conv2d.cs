using MiniDL.Backends;

namespace MiniDL.Layers;

/// <summary>
/// Two-dimensional convolution of images [N, C, H, W]: <see cref="Tensor.Conv2d"/> with a weight [K, C, R, S] and a bias [K].
/// </summary>
/// <inheritdoc cref="Tensor.Conv2d" path="/remarks"/>
/// <example><code>var conv = new Conv2d(inChannels: 3, outChannels: 16, kernelSize: 3, padding: 1, random: random);</code></example>
public sealed class Conv2d : Module
{
    private readonly (int H, int W) _stride, _padding;

    /// <summary>Makes the layer with PyTorch's initial values, uniform in ±1/√(C·R·S).</summary>
    /// <param name="inChannels">C, channels of the input.</param>
    /// <param name="outChannels">K, channels of the output.</param>
    /// <param name="kernelSize">R and S: one number or (height, width).</param>
    /// <param name="stride">Pixels between neighbouring windows; 1 by default.</param>
    /// <param name="padding">Zeros on each side; 0 by default.</param>
    /// <param name="bias">Whether a bias is added.</param>
    /// <param name="random">Source of the initial values; by default a stream made for this layer.</param>
    /// <exception cref="ShapeException">A setting is out of range.</exception>
    public Conv2d(int inChannels, int outChannels, Size2d kernelSize, Size2d? stride = null, Size2d padding = default,
        bool bias = true, RandomStream? random = null)
    {
        (_stride, _padding) = ((stride ?? 1).Pair, padding.Pair);
        Check.That(inChannels > 0 && outChannels > 0 && kernelSize is { Height: > 0, Width: > 0 }, "conv2d",
            $"inChannels {inChannels}, outChannels {outChannels} and kernelSize {kernelSize} must be positive.");
        Check.That(_stride is { H: > 0, W: > 0 } && _padding is { H: >= 0, W: >= 0 }, "conv2d",
            $"stride {_stride} must be at least 1, padding {_padding} at least 0.");
        random = Init.Stream(random);
        int fanIn = inChannels * kernelSize.Height * kernelSize.Width;
        Weight = RegisterParameter("weight", Init.Default([outChannels, inChannels, kernelSize.Height, kernelSize.Width], fanIn, random));
        if (bias) Bias = RegisterParameter("bias", Init.Default([outChannels], fanIn, random));
    }

    /// <summary>[K, C, R, S].</summary>
    public Parameter Weight { get; }

    /// <summary>[K], or null.</summary>
    public Parameter? Bias { get; }

    /// <summary>
    /// How forward and backward are computed: <see cref="ConvAlgorithm.Exact"/> evaluates the sum in the definition;
    /// <see cref="ConvAlgorithm.Fastest"/> uses Winograd's algorithm on the CPU if the shape allows it; null follows <see cref="ConvDefaults"/>.
    /// </summary>
    public ConvAlgorithm? Algorithm { get; set; }

    /// <summary>The sizes of the convolution of x.</summary>
    /// <exception cref="ShapeException">The input does not fit; the message names this module's path.</exception>
    internal Window2d Window(Tensor x)
    {
        using var running = new RunningModule(this);
        return x.Conv2dWindow(Weight.Value, Bias?.Value, _stride, _padding, Algorithm);
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) =>
        x.Conv2d(Weight.Value, Bias?.Value, _stride, _padding, Algorithm);
}
