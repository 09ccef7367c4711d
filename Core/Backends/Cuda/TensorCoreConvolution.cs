namespace MiniDL.Backends.Cuda;

/// <summary>
/// The 3×3 convolutions that have tensor-core kernels: padding 1, stride 1 or 2, 16, 32 or 64 channels. Each kernel is made for a
/// number of input channels, all processed at once, and for output channels in blocks of a given size; a block of threads loops over tiles
/// of 8 × <see cref="TileWidth"/> output pixels. The operands are floats rounded to TF32, or bfloat16.
/// </summary>
internal sealed record TensorCoreConvolution(Kernel Kernel, int ChannelsIn, int ChannelsOut, int Stride, int TileWidth, int Threads)
{
    private const int TileHeight = 8;

    private static readonly Versions Tf32 = new(KernelModule.Tf32), Bf16 = new(KernelModule.Bf16);

    public static IEnumerable<Kernel> Kernels => Tf32.Kernels.Concat(Bf16.Kernels);

    /// <summary>
    /// The kernel for the shape and the type of the images, on a GPU with this much shared memory per block; null if there is none.
    /// </summary>
    public static TensorCoreConvolution? OfForward(in Window2d g, DType type, int sharedBytes) =>
        Find(Of(type).Forwards, g, g.InChannels, g.OutChannels, sharedBytes);

    /// <inheritdoc cref="OfForward"/>
    public static TensorCoreConvolution? OfInputGradient(in Window2d g, DType type, int sharedBytes) =>
        Find(Of(type).InputGradients, g, g.OutChannels, g.InChannels, sharedBytes);

    /// <inheritdoc cref="OfForward"/>
    public static TensorCoreConvolution? OfWeightGradient(in Window2d g, DType type, int sharedBytes)
    {
        if (!Fits(g)) return null;
        var (stride, channels, outputs) = (g.StrideHeight, g.InChannels, g.OutChannels);
        return Array.FindLast(Of(type).WeightGradients, c => c.Stride == stride && channels % c.ChannelsIn == 0 && outputs % c.ChannelsOut == 0
            && c.Kernel.SharedBytes <= sharedBytes);
    }

    /// <summary>The number of tiles of a batch of images of this size.</summary>
    public int Tiles(int batch, int height, int width) =>
        batch * ((height + TileHeight - 1) / TileHeight) * ((width + TileWidth - 1) / TileWidth);

    private static Versions Of(DType type) => type == DType.BF16 ? Bf16 : Tf32;

    private static TensorCoreConvolution? Find(TensorCoreConvolution[] kernels, in Window2d g, int channelsIn, int channelsOut, int sharedBytes)
    {
        if (!Fits(g)) return null;
        int stride = g.StrideHeight;
        return Array.Find(kernels, c => c.Stride == stride && c.ChannelsIn == channelsIn && channelsOut % c.ChannelsOut == 0
            && c.Kernel.SharedBytes <= sharedBytes);
    }

    /// <summary>Whether it is 3×3 and not empty: without tiles or channels there is no work for the blocks.</summary>
    private static bool Fits(in Window2d g) => g is { KernelHeight: 3, KernelWidth: 3, PadHeight: 1, PadWidth: 1, StrideHeight: 1 or 2 }
        && g.StrideWidth == g.StrideHeight && g is { Batch: > 0, InChannels: > 0, OutChannels: > 0 };

    /// <summary>The kernels of one module; if several fit a shape, the faster one comes first.</summary>
    private sealed class Versions(KernelModule module)
    {
        public TensorCoreConvolution[] Forwards { get; } =
        [
            Forward(module, 16, 16, 1, warpPixels: 32, split: 1),
            Forward(module, 32, 32, 1, warpPixels: 16, split: 2),
            Forward(module, 64, 32, 1, warpPixels: 16, split: 2),
            Forward(module, 16, 32, 2, warpPixels: 16, split: 1),
            Forward(module, 32, 32, 2, warpPixels: 16, split: 2),
            .. InTf32(module, Forward(module, 64, 16, 1, warpPixels: 16, split: 2)),
        ];

        public TensorCoreConvolution[] InputGradients { get; } =
        [
            InputGradient(module, 16, 16, 1, warpPixels: 32, split: 1),
            InputGradient(module, 32, 32, 1, warpPixels: 16, split: 2),
            InputGradient(module, 64, 32, 1, warpPixels: 16, split: 2),
            InputGradient(module, 32, 16, 2, warpPixels: 32, split: 1),
            InputGradient(module, 64, 32, 2, warpPixels: 16, split: 2),
            .. InTf32(module, InputGradient(module, 64, 16, 1, warpPixels: 16, split: 2)),
            .. InTf32(module, InputGradient(module, 64, 16, 2, warpPixels: 16, split: 2)),
        ];

        /// <summary>By the channels of x and of dy that a block takes; if several fit, the last is the largest.</summary>
        public TensorCoreConvolution[] WeightGradients { get; } =
        [
            WeightGradient(module, 16, 16, 1, tileWidth: 16),
            WeightGradient(module, 32, 32, 1, tileWidth: 8),
            WeightGradient(module, 16, 32, 2, tileWidth: 8),
        ];

        /// <summary>A kernel that needs less shared memory than the one before it; in bfloat16 the latter is small enough.</summary>
        private static TensorCoreConvolution[] InTf32(KernelModule module, TensorCoreConvolution kernel) => module == KernelModule.Tf32 ? [kernel] : [];

        public IEnumerable<Kernel> Kernels => Forwards.Concat(InputGradients).Concat(WeightGradients).Select(c => c.Kernel);
    }

    private static TensorCoreConvolution Forward(KernelModule module, int channelsIn, int channelsOut, int stride, int warpPixels, int split) =>
        new(Named(module, "", channelsIn, channelsOut, stride, TileBytes(module, channelsIn, channelsOut, stride, warpPixels, split)),
            channelsIn, channelsOut, stride, warpPixels / 2, 128 * split);

    // An input gradient loops over its own output, dx, with stride 1, whatever the stride of the convolution.
    private static TensorCoreConvolution InputGradient(KernelModule module, int channelsIn, int channelsOut, int stride, int warpPixels, int split) =>
        new(Named(module, "_gradient", channelsIn, channelsOut, stride, TileBytes(module, channelsIn, channelsOut, 1, warpPixels, split)),
            channelsIn, channelsOut, stride, warpPixels / 2, 128 * split);

    private static TensorCoreConvolution WeightGradient(KernelModule module, int channels, int outputs, int stride, int tileWidth)
    {
        const int threads = 256, warps = threads / 32;
        int x = Halo(TileHeight, stride) * Halo(tileWidth, stride) * (channels + 8 / stride), dy = TileHeight * tileWidth * (outputs + 8);
        // Two tiles. The sums leave through the same memory: those of warps that share 16 × 16 channels side by side.
        int sharers = warps / (channels / 16 * (outputs / 16)), words = Math.Max(2 * (x + dy), sharers * outputs * (channels * 9 + 4));
        return new(Named(module, "_weight_gradient", channels, outputs, stride, 4 * words), channels, outputs, stride, tileWidth, threads);
    }

    /// <summary>
    /// Shared memory for a tile's pixels with their border (also used to add up the sums of warps that share pixels) and for the weights of its
    /// output channels; a word holds two bfloat16 values.
    /// </summary>
    private static int TileBytes(KernelModule module, int channelsIn, int channelsOut, int stride, int warpPixels, int split)
    {
        int words = channelsIn / (module == KernelModule.Bf16 ? 2 : 1), sums = (split - 1) * 128 * (warpPixels / 16) * channelsOut / 2;
        int pixels = Halo(TileHeight, stride) * Halo(warpPixels / 2, stride) * (words + 4 / stride);
        return 4 * (Math.Max((pixels + 3) / 4 * 4, sums) + 9 * (words * (channelsOut + 8) + 1));
    }

    private static int Halo(int pixels, int stride) => (pixels - 1) * stride + 3;

    private static Kernel Named(KernelModule module, string kind, int channelsIn, int channelsOut, int stride, int sharedBytes) =>
        Kernel.Of<ConvolutionArguments>(module,
            $"conv3x3{(stride == 1 ? "" : "_stride2")}{kind}_{channelsIn}_{channelsOut}_{module.ToString().ToLowerInvariant()}", sharedBytes);
}
