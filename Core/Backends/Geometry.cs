namespace MiniDL.Backends;

// N batch, C channels in, K channels out, H×W input pixels, P×Q output pixels, R×S kernel.

/// <summary>The sizes of a two-dimensional convolution or pooling; tensors are channels last.</summary>
/// <example><code>
/// var window = Window2d.Of("conv2d", images.Shape, outChannels: 16, kernel: (3, 3), stride: (1, 1), pad: (1, 1));
/// </code></example>
public readonly record struct Window2d(
    int Batch, int InChannels, int InHeight, int InWidth,
    int OutChannels, int OutHeight, int OutWidth,
    int KernelHeight, int KernelWidth, int StrideHeight, int StrideWidth, int PadHeight, int PadWidth)
{
    /// <summary>The sizes for an input [N, C, H, W]; output sizes are ⌊(in + 2·pad − kernel) / stride⌋ + 1.</summary>
    /// <exception cref="ShapeException">The kernel is larger than the padded input, or a setting is out of range.</exception>
    public static Window2d Of(string operation, Shape input, int outChannels, (int H, int W) kernel, (int H, int W) stride, (int H, int W) pad)
    {
        Check.That(kernel.H >= 1 && kernel.W >= 1 && stride.H >= 1 && stride.W >= 1 && pad.H >= 0 && pad.W >= 0, operation,
            $"kernel {kernel}, stride {stride} and padding {pad} must be at least 1, 1 and 0.");
        // Twice a large padding could overflow an int and pass for a small one.
        Check.That(Math.Max(input[2] + 2L * pad.H, input[3] + 2L * pad.W) <= int.MaxValue, operation,
            $"the padding {pad} makes an image of {input} larger than {int.MaxValue} rows or columns. Use less.");
        int height = input[2] + 2 * pad.H, width = input[3] + 2 * pad.W;
        Check.That(height >= kernel.H && width >= kernel.W, operation,
            $"the kernel {kernel} is larger than the padded input ({height}, {width}) of {input}. Use a smaller kernel or more padding.");
        return new Window2d(input[0], input[1], input[2], input[3], outChannels, (height - kernel.H) / stride.H + 1,
            (width - kernel.W) / stride.W + 1, kernel.H, kernel.W, stride.H, stride.W, pad.H, pad.W);
    }

    /// <summary>Whether to compute a convolution as the sum in its definition: <see cref="ConvAlgorithm.Exact"/>.</summary>
    public bool Exact { get; init; }

    /// <summary>[N, C, H, W].</summary>
    public Shape Input => [Batch, InChannels, InHeight, InWidth];

    /// <summary>[N, K, P, Q].</summary>
    public Shape Output => [Batch, OutChannels, OutHeight, OutWidth];

    /// <summary>Output pixels of one image.</summary>
    public int OutPixels => OutHeight * OutWidth;

    /// <summary>
    /// Floating-point operations of the convolution by its definition, and of each of its gradients: one multiplication and one
    /// addition for every tap, including taps on the padding.
    /// </summary>
    public double Operations => 2.0 * Batch * OutPixels * OutChannels * InChannels * KernelHeight * KernelWidth;
}

/// <summary>
/// The common form of every normalization: values are stored as [samples, positions, channels], and a statistic is taken over all
/// positions of one sample and the channels of one group.
/// <list type="bullet">
/// <item>BatchNorm of [N, C, …]: 1 sample of N·… positions, C channels in C groups.</item>
/// <item>InstanceNorm: N samples, … positions, C channels in C groups.</item>
/// <item>GroupNorm: N samples, … positions, C channels in G groups.</item>
/// <item>LayerNorm over the last D values: a sample is a row, 1 position, D channels in 1 group.</item>
/// </list>
/// Statistics are [samples, groups]; weight and bias are [channels].
/// </summary>
/// <example><code>var batchNorm = new NormGeometry(Samples: 1, Positions: 128 * 32 * 32, Channels: 16, Groups: 16);</code></example>
public readonly record struct NormGeometry(int Samples, int Positions, int Channels, int Groups)
{
    /// <summary>Channels that share a statistic.</summary>
    public int ChannelsPerGroup => Channels / Groups;

    /// <summary>How many values one statistic is taken over.</summary>
    public int ValuesPerStatistic => Positions * ChannelsPerGroup;

    /// <summary>How many statistics there are.</summary>
    public int Statistics => Samples * Groups;
}

/// <summary>The constants of one step of stochastic gradient descent, as PyTorch names them.</summary>
/// <param name="LearningRate">Called in every step, and again before each repetition of a recorded one.</param>
/// <example><code>
/// var settings = new SgdSettings(() => 0.1f, Momentum: 0.9f, Dampening: 0, WeightDecay: 1e-4f, Nesterov: false);
/// </code></example>
public readonly record struct SgdSettings(Func<float> LearningRate, float Momentum, float Dampening, float WeightDecay, bool Nesterov);
