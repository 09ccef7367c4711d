namespace MiniDL.Backends.Cuda;

// Convolutions: on tensor cores if the precision allows it and there is a kernel for the shape, else by the generic kernels in float.
internal sealed partial class CudaBackend
{
    /// <summary>The most blocks that loop over the tiles of a convolution, for each part of the output channels.</summary>
    internal int MaxTileWalkers { get; set; } = 1024;

    internal override void Conv2d(Tensor x, Tensor weight, Tensor? bias, Tensor y, in Window2d g)
    {
        if (g.InChannels == 0)
        {
            Fill(y, 0);
            if (bias is null) return;
            var stored = bias;
            if (bias.DType != y.DType) Convert(bias, stored = Tensor.New(bias.Shape, y.Device, y.DType));
            CopyStrided([g.Batch * g.OutPixels, g.OutChannels], stored, 0, [0, 1], y, 0, [g.OutChannels, 1]);
            return;
        }
        if (IsTensorCore(x, y, g) && TensorCoreConvolution.OfForward(g, x.DType, stream.Context.MaxSharedBytes) is { } tiled)
        {
            TiledConv2d(tiled, x, weight, bias, y, null, null, g);
            return;
        }
        var (kernels, blocks) = IsOfImages(y, g)
            ? (Kernels.ImageConvolution, ImageConvolution.Tiles(g) * (g.OutChannels / ImageConvolution.ChannelsOut))
            : (Kernels.Conv2d, Blocks(g.Batch * g.OutPixels, Tile) * Blocks(g.OutChannels, Tile));
        stream.Launch(kernels.For(x, y), blocks, Block, new ConvolutionArguments
        {
            X = Address(x),
            Weight = Address(weight),
            Bias = Address(bias),
            Y = Address(y),
            Window = g,
            Chunks = 1,
        }, x, weight, bias, y);
    }

    internal override void Conv2dMoments(Tensor x, Tensor weight, Tensor? bias, Tensor y, ChannelStatistics statistics, in Window2d g)
    {
        // The last block reads the partial sums of all others. If there are many, a second pass over y, which all blocks share, is faster.
        const int maxBlocks = 256;
        if (statistics.Geometry.Samples == 1 && g.InChannels > 0 && IsTensorCore(x, y, g) && TensorCoreConvolution.OfForward(g, x.DType, stream.Context.MaxSharedBytes) is { } tiled
            && Math.Min(MaxTileWalkers, tiled.Tiles(g.Batch, g.OutHeight, g.OutWidth)) <= maxBlocks)
            TiledConv2d(tiled, x, weight, bias, y, statistics.Mean, statistics.Variance, g);
        else
            base.Conv2dMoments(x, weight, bias, y, statistics, g);
    }

    private void TiledConv2d(TensorCoreConvolution tiled, Tensor x, Tensor weight, Tensor? bias, Tensor y, Tensor? mean, Tensor? variance,
        in Window2d g)
    {
        int parts = g.OutChannels / tiled.ChannelsOut, chunks = Walkers(tiled, tiled.Tiles(g.Batch, g.OutHeight, g.OutWidth), parts);
        Tensor? partials = mean is null ? null : Workspace(chunks, 4 * g.OutChannels), tickets = mean is null ? null : Tickets(parts);
        stream.Launch(tiled.Kernel, chunks * parts, tiled.Threads, new ConvolutionArguments
        {
            X = Address(x),
            Weight = Address(weight),
            Bias = Address(bias),
            Y = Address(y),
            Mean = Address(mean),
            Variance = Address(variance),
            Partials = Address(partials),
            Tickets = Address(tickets),
            Window = g,
            Chunks = chunks,
        }, x, weight, bias, y, mean, variance, partials, tickets);
        if (partials is not null) Pool.Return(partials.Storage);
    }

    /// <summary>
    /// The number of blocks that loop over the tiles of the output, for each part of its channels: no more than the multiprocessors can hold
    /// at once, since each block loads the weights into its shared memory, and such that all handle equally many tiles.
    /// </summary>
    private int Walkers(TensorCoreConvolution tiled, int tiles, int parts)
    {
        const int sharedBytes = 220_000, threads = 512;
        int together = Math.Clamp(sharedBytes / tiled.Kernel.SharedBytes, 1, threads / tiled.Threads);
        int rounds = Blocks(tiles, Math.Clamp(Context.BlocksAtOnce * together / parts, 1, MaxTileWalkers));
        return Blocks(tiles, rounds);
    }

    internal override void Conv2dInputGradient(Tensor dy, Tensor weight, Tensor dx, in Window2d g)
    {
        if (g.OutChannels == 0) Fill(dx, 0);
        else InputGradient(dy, weight, dx, g, add: false);
    }

    internal override void AddConv2dInputGradient(Tensor dy, Tensor weight, Tensor dx, in Window2d g)
    {
        if (g.OutChannels > 0) InputGradient(dy, weight, dx, g, add: true);
    }

    private void InputGradient(Tensor dy, Tensor weight, Tensor dx, in Window2d g, bool add)
    {
        if (add) stream.Branch.BeforeChange(dx);
        var arguments = new ConvolutionArguments
        {
            X = Address(dx),
            Weight = Address(weight),
            Y = Address(dy),
            Window = g,
            Chunks = 1,
            Add = add ? 1 : 0,
        };
        if (IsTensorCore(dx, dy, g) && TensorCoreConvolution.OfInputGradient(g, dy.DType, stream.Context.MaxSharedBytes) is { } tiled)
        {
            int parts = g.InChannels / tiled.ChannelsOut;
            arguments.Chunks = Walkers(tiled, tiled.Tiles(g.Batch, g.InHeight, g.InWidth), parts);
            stream.Launch(tiled.Kernel, arguments.Chunks * parts, tiled.Threads, arguments, dx, weight, dy);
        }
        else
        {
            int blocks = Blocks(g.Batch * g.InHeight * g.InWidth, Tile) * Blocks(g.InChannels, Tile);
            stream.Launch(Kernels.Conv2dInputGradient.For(dy, dx), blocks, Block, arguments, dx, weight, dy);
        }
    }

    internal override void Conv2dWeightGradient(Tensor x, Tensor dy, Tensor dw, in Window2d g)
    {
        if (dw.Count == 0) return;
        // A parameter's own gradient is needed only by the optimizer; one made just for this pass is used by another operator right away.
        using var beside = dw.Storage.Kept ? stream.Branch.Begin(dw) : default;
        var (kernel, chunks, blocks, threads) = WeightGradientLaunch(x, dy, dw.Count, g);
        var partial = chunks == 1 ? dw : Workspace(chunks, dw.Count);
        stream.Launch(kernel, blocks, threads, new ConvolutionArguments
        {
            X = Address(x),
            Weight = Address(partial),
            Y = Address(dy),
            Window = g,
            Chunks = chunks,
        }, x, partial, dy);
        if (chunks == 1) return;
        SumChunks(partial, dw, 1, chunks, dw.Count, 1);
        Pool.Return(partial.Storage);
    }

    /// <summary>The kernel, the number of chunks of pixels (each has its own sums, which are added up afterwards), blocks and threads.</summary>
    private (Kernel Kernel, int Chunks, int Blocks, int Threads) WeightGradientLaunch(Tensor x, Tensor dy, int weights, in Window2d g)
    {
        // Blocks keep their sums until the end, so fewer blocks write less: about one per multiprocessor.
        int multiprocessors = Context.BlocksAtOnce;
        if (IsTensorCore(x, dy, g) && TensorCoreConvolution.OfWeightGradient(g, x.DType, stream.Context.MaxSharedBytes) is { } tiled)
        {
            int parts = g.InChannels / tiled.ChannelsIn * (g.OutChannels / tiled.ChannelsOut);
            int few = Math.Clamp(multiprocessors / parts, 1, MaxTileWalkers);
            int chunks = Math.Min(tiled.Tiles(g.Batch, g.OutHeight, g.OutWidth), few);
            return (tiled.Kernel, chunks, chunks * parts, tiled.Threads);
        }
        if (IsOfImages(dy, g))
        {
            int chunks = Math.Min(ImageConvolution.Tiles(g), Math.Min(2 * multiprocessors, MaxTileWalkers));
            return (Kernels.ImageWeightGradient.For(x, dy), chunks, chunks * (g.OutChannels / ImageConvolution.ChannelsOut), Block);
        }
        // Large weights need no more blocks, and many partial copies of them would take too much memory: at most 256 MB.
        const int pixelsPerChunk = 256, maxChunks = 512, maxPartials = 1 << 26;
        int most = Math.Clamp(maxPartials / weights, 1, maxChunks), pieces = Math.Clamp(Blocks(g.Batch * g.OutPixels, pixelsPerChunk), 1, most);
        int tiles = Blocks(g.OutChannels, Tile) * Blocks(weights / g.OutChannels, Tile);
        return (Kernels.Conv2dWeightGradient.For(x, dy), pieces, tiles * pieces, Block);
    }

    /// <summary>Whether the kernels for images apply; they read and write several channels of y at a time.</summary>
    private static bool IsOfImages(Tensor y, in Window2d g) => ImageConvolution.Fits(g) && Address(y) % 16 == 0;

    /// <summary>Whether tensor cores may be used: they round, and their kernels read 16 bytes at a time.</summary>
    private bool IsTensorCore(Tensor x, Tensor y, in Window2d g) =>
        Precision != Precision.Fp32 && !g.Exact && x.DType == y.DType && Address(x) % 16 == 0 && Address(y) % 16 == 0;
}
