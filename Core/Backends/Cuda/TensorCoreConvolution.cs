namespace MiniDL.Backends.Cuda;

/// <summary>
/// The 3×3 convolutions that have kernels of their own, on tensor cores: padding 1, stride 1 or 2, 16, 32 or 64 channels. Each kernel is
/// for so many channels in, all at once, and for blocks of so many channels out; a block goes through tiles of 8 × <see cref="TileWidth"/>
/// output pixels.
/// </summary>
internal sealed record TensorCoreConvolution(Kernel Kernel, int ChannelsIn, int ChannelsOut, int Stride, int TileWidth, int Threads)
{
    private const int TileHeight = 8;

    private static readonly TensorCoreConvolution[] Forwards =
    [
        Forward(16, 16, 1, warpPixels: 32, split: 1),
        Forward(32, 32, 1, warpPixels: 16, split: 2),
        Forward(64, 32, 1, warpPixels: 16, split: 2),
        Forward(16, 32, 2, warpPixels: 16, split: 1),
        Forward(32, 32, 2, warpPixels: 16, split: 2),
    ];

    private static readonly TensorCoreConvolution[] InputGradients =
    [
        InputGradient(16, 16, 1, warpPixels: 32, split: 1),
        InputGradient(32, 32, 1, warpPixels: 16, split: 2),
        InputGradient(64, 32, 1, warpPixels: 16, split: 2),
        InputGradient(32, 16, 2, warpPixels: 32, split: 1),
        InputGradient(64, 32, 2, warpPixels: 16, split: 2),
    ];

    // For weight gradients, blocks of so many channels of x and of dy; of several that fit, the last is the largest.
    private static readonly TensorCoreConvolution[] WeightGradients =
    [
        WeightGradient(16, 16, 1, tileWidth: 16),
        WeightGradient(32, 32, 1, tileWidth: 8),
        WeightGradient(16, 32, 2, tileWidth: 8),
        WeightGradient(32, 32, 2, tileWidth: 8),
    ];

    public static IEnumerable<Kernel> Kernels => Forwards.Concat(InputGradients).Concat(WeightGradients).Select(c => c.Kernel);

    /// <summary>The kernel for the shape, on a GPU whose blocks can have so much shared memory; null if there is none.</summary>
    public static TensorCoreConvolution? OfForward(in Window2d g, int sharedBytes) =>
        Find(Forwards, g, g.InChannels, g.OutChannels, sharedBytes);

    /// <inheritdoc cref="OfForward"/>
    public static TensorCoreConvolution? OfInputGradient(in Window2d g, int sharedBytes) =>
        Find(InputGradients, g, g.OutChannels, g.InChannels, sharedBytes);

    /// <inheritdoc cref="OfForward"/>
    public static TensorCoreConvolution? OfWeightGradient(in Window2d g, int sharedBytes)
    {
        if (!IsThreeByThree(g)) return null;
        var (stride, channels, outputs) = (g.StrideHeight, g.InChannels, g.OutChannels);
        return Array.FindLast(WeightGradients, c => c.Stride == stride && channels % c.ChannelsIn == 0 && outputs % c.ChannelsOut == 0
            && c.Kernel.SharedBytes <= sharedBytes);
    }

    /// <summary>Tiles of a batch of so many pixels.</summary>
    public int Tiles(int batch, int height, int width) =>
        batch * ((height + TileHeight - 1) / TileHeight) * ((width + TileWidth - 1) / TileWidth);

    private static TensorCoreConvolution? Find(TensorCoreConvolution[] kernels, in Window2d g, int channelsIn, int channelsOut, int sharedBytes)
    {
        if (!IsThreeByThree(g)) return null;
        int stride = g.StrideHeight;
        return Array.Find(kernels, c => c.Stride == stride && c.ChannelsIn == channelsIn && channelsOut % c.ChannelsOut == 0
            && c.Kernel.SharedBytes <= sharedBytes);
    }

    private static bool IsThreeByThree(in Window2d g) => g is { KernelHeight: 3, KernelWidth: 3, PadHeight: 1, PadWidth: 1, StrideHeight: 1 or 2 }
        && g.StrideWidth == g.StrideHeight;

    private static TensorCoreConvolution Forward(int channelsIn, int channelsOut, int stride, int warpPixels, int split) =>
        new(Of($"conv3x3{Strided(stride)}_tf32_{channelsIn}_{channelsOut}", TileBytes(channelsIn, channelsOut, stride, warpPixels)),
            channelsIn, channelsOut, stride, warpPixels / 2, 128 * split);

    // An input gradient goes through its output, which has stride 1, whatever the convolution's own.
    private static TensorCoreConvolution InputGradient(int channelsIn, int channelsOut, int stride, int warpPixels, int split) =>
        new(Of($"conv3x3{Strided(stride)}_gradient_tf32_{channelsIn}_{channelsOut}", TileBytes(channelsIn, channelsOut, 1, warpPixels)),
            channelsIn, channelsOut, stride, warpPixels / 2, 128 * split);

    private static TensorCoreConvolution WeightGradient(int channels, int outputs, int stride, int tileWidth)
    {
        const int sums = 72, threads = 128;
        int x = Halo(TileHeight, stride) * Halo(tileWidth, stride) * (channels + 8 / stride), dy = TileHeight * tileWidth * (outputs + 8);
        bool shared = channels * outputs < 32 * 32;
        int words = shared ? Math.Max(x + dy, sums * threads) : x + dy;
        return new(Of($"conv3x3{Strided(stride)}_weight_gradient_tf32_{channels}_{outputs}", 4 * words), channels, outputs, stride, tileWidth, threads);
    }

    /// <summary>Shared memory of a tile's pixels with their border, and of the weights of its output channels.</summary>
    private static int TileBytes(int channelsIn, int channelsOut, int stride, int warpPixels)
    {
        int pixels = Halo(TileHeight, stride) * Halo(warpPixels / 2, stride) * (channelsIn + 4 / stride);
        return (pixels + 3) / 4 * 16 + 9 * (channelsIn * (channelsOut + 8) + 1) * 4;
    }

    private static int Halo(int pixels, int stride) => (pixels - 1) * stride + 3;

    private static string Strided(int stride) => stride == 1 ? "" : "_stride2";

    private static Kernel Of(string name, int sharedBytes) => Kernel.Of<ConvolutionArguments>(name, sharedBytes);
}
