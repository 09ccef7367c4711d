namespace MiniDL.Backends.Cuda;

// Normalization. If every channel is a group, a block takes some channels of a chunk of positions, and the statistics of the
// chunks are combined; otherwise a block computes one statistic.
internal sealed partial class CudaBackend
{
    /// <summary>Counters of finished blocks, by which the last one knows that it has to combine; 0 before and after every launch.</summary>
    private Tensor? _tickets;

    /// <summary>Counters that became too small for a later launch: steps recorded earlier still use them.</summary>
    private readonly List<Tensor> _smallerTickets = [];

    internal override void Moments(Tensor x, Tensor mean, Tensor variance, in NormGeometry g)
    {
        var arguments = new MomentsArguments
        {
            X = Address(x),
            Mean = Address(mean),
            Variance = Address(variance),
            Geometry = g,
            Chunks = 1,
        };
        if (g.Groups != g.Channels)
        {
            stream.Launch(Kernels.MomentsGroups.For(x), g.Statistics, Block, arguments, x, mean, variance);
            return;
        }
        int lanes = Lanes(g.Channels), columns = Blocks(g.Channels, lanes);
        arguments.Chunks = Chunks(g, lanes);
        var partials = arguments.Chunks == 1 ? null : Workspace(g.Samples * arguments.Chunks, 2 * g.Channels);
        var tickets = arguments.Chunks == 1 ? null : Tickets(g.Samples * columns);
        (arguments.Partials, arguments.Tickets) = (Address(partials), Address(tickets));
        stream.Launch(Kernels.MomentsColumns.For(x), g.Samples * arguments.Chunks * columns, Block, arguments,
            x, mean, variance, partials, tickets);
        if (partials is not null) Pool.Return(partials.Storage);
    }

    internal override void Normalize(Tensor x, in NormArguments n, Tensor y)
    {
        bool rows = InFours(n.Geometry, x, n.Weight, n.Bias, n.Residual, y);
        var kernel = (rows ? Kernels.NormalizeRows : Kernels.Normalize).For(x, n.Residual, y);
        stream.Launch(kernel, rows ? RowBlocks(n.Geometry) : Blocks(y.Count, ValuesPerBlock), Block,
            Arguments(x, n, y), x, n.Mean, n.Variance, n.Weight, n.Bias, n.Residual, y);
    }

    internal override void MomentsAndNormalize(Tensor x, in NormArguments n, Tensor y)
    {
        if (FitsRegisters(n.Geometry) && InFours(n.Geometry, x, n.Weight, n.Bias, n.Residual, y))
            stream.Launch(Kernels.GroupNorm.For(x, n.Residual, y), n.Geometry.Samples, ImageThreads(n.Geometry),
                Arguments(x, n, y), x, n.Weight, n.Bias, n.Residual, n.Mean, n.Variance, y);
        else
            base.MomentsAndNormalize(x, n, y);
    }

    private static NormalizeArguments Arguments(Tensor x, in NormArguments n, Tensor y) => new()
    {
        X = Address(x),
        Mean = Address(n.Mean),
        Variance = Address(n.Variance),
        Weight = Address(n.Weight),
        Bias = Address(n.Bias),
        Residual = Address(n.Residual),
        Y = Address(y),
        Geometry = n.Geometry,
        Eps = (float)n.Eps,
        Relu = n.Activation == Activation.Relu ? 1 : 0,
    };

    internal override void UpdateRunning(Tensor runningMean, Tensor runningSpread, Tensor? batches, Tensor mean, Tensor spread,
        int samples, double momentum, double correction)
    {
        if (batches is not null) Storage(batches).Range = null;
        using var beside = stream.Branch.Begin(runningMean, runningSpread, batches);
        RunOneByOne(Kernels.RunningStatistics, runningMean.Count, new RunningArguments
        {
            RunningMean = Address(runningMean),
            RunningSpread = Address(runningSpread),
            Batches = Address(batches),
            Mean = Address(mean),
            Spread = Address(spread),
            Samples = samples,
            Channels = runningMean.Count,
            Keep = (float)(1 - momentum),
            TakeMean = (float)(momentum / samples),
            TakeSpread = (float)(momentum * correction / samples),
        }, runningMean, runningSpread, batches, mean, spread);
    }

    internal override void NormalizeGradient(Tensor dy, Tensor x, Tensor y, in NormArguments n, in NormGradients d)
    {
        var g = n.Geometry;
        bool fours = InFours(g, dy, x, y, n.Weight, n.Bias, d.X, d.Residual), sumsInFours = fours && g.Channels <= 128 && int.IsPow2(g.Channels);
        var arguments = new NormalizeGradientArguments
        {
            Dy = Address(dy),
            X = Address(x),
            Y = n.Residual is not null || !sumsInFours ? Address(y) : 0,
            Mean = Address(n.Mean),
            Variance = Address(n.Variance),
            Weight = Address(n.Weight),
            Bias = Address(n.Bias),
            Dx = Address(d.X),
            Dweight = Address(d.Weight),
            Dbias = Address(d.Bias),
            Dresidual = Address(d.Residual),
            Geometry = g,
            Eps = (float)n.Eps,
            Relu = n.Activation == Activation.Relu ? 1 : 0,
            Constant = n.Constant ? 1 : 0,
        };
        ReadOnlySpan<Tensor?> operands = [dy, x, y, n.Mean, n.Variance, n.Weight, n.Bias, d.X, d.Weight, d.Bias, d.Residual];
        // With no images the gradient of a parameter is 0, but there would be no block to write it.
        if (fours && !n.Constant && FitsRegisters(g) && g.Samples > 0)
        {
            var partials = Workspace(g.Samples, 2 * g.Channels);
            (arguments.Partials, arguments.Tickets) = (Address(partials), Address(Tickets(1)));
            stream.Launch(Kernels.GroupNormGradient.For(dy, x, y, d.X, d.Residual), g.Samples, ImageThreads(g), arguments, operands);
            Pool.Return(partials.Storage);
            return;
        }
        var sums = Workspace(g.Samples, 2 * g.Groups);
        arguments.Sums = Address(sums);
        if ((d.X is not null && !n.Constant) || d.Weight is not null || d.Bias is not null)
        {
            SumGradients(sumsInFours, arguments, operands);
            // dresidual now holds the masked gradient: one tensor to read instead of two, and none to write.
            if (sumsInFours && d.Residual is not null) (arguments.Dy, arguments.Relu, arguments.Dresidual) = (Address(d.Residual), 0, 0);
        }
        if (d.X is not null || arguments.Dresidual != 0)
            stream.Launch((fours ? Kernels.NormalizeGradientRows : Kernels.NormalizeGradient).For(dy, x, y, d.X, d.Residual),
                fours ? RowBlocks(g) : Blocks(x.Count, ValuesPerBlock), Block, arguments, operands);
        Pool.Return(sums.Storage);
    }

    /// <summary>The gradients of weight and bias, and the two sums of each group that dx needs.</summary>
    private void SumGradients(bool inFours, NormalizeGradientArguments arguments, ReadOnlySpan<Tensor?> operands)
    {
        var g = arguments.Geometry;
        int lanes = Lanes(g.Channels), columns = inFours ? 1 : Blocks(g.Channels, lanes), chunks = Chunks(g, inFours ? g.Channels : lanes);
        // With one sample and one statistic per channel, the last block of a channel has everything that the statistic needs.
        bool finishes = g.Samples == 1 && g.Groups == g.Channels;
        var partials = Workspace(g.Samples * chunks, 2 * g.Channels);
        (arguments.Partials, arguments.Chunks) = (Address(partials), chunks);
        arguments.Tickets = finishes ? Address(Tickets(columns)) : 0;
        var kernel = inFours ? Kernels.NormalizeGradientPartialsRows : Kernels.NormalizeGradientPartials;
        stream.Launch(kernel.For(operands[0]!), g.Samples * chunks * columns, Block, arguments, operands);
        if (!finishes) stream.Launch(Kernels.NormalizeGradientSums.For(operands[0]!), g.Statistics + g.Channels, Block, arguments, operands);
        Pool.Return(partials.Storage);
    }

    /// <summary>Whether channels can be processed in groups of four on 16-byte boundaries, with a block covering all of them.</summary>
    private static bool InFours(in NormGeometry g, params ReadOnlySpan<Tensor?> tensors)
    {
        if (g.Channels % 4 != 0 || g.Channels > 4 * Block) return false;
        foreach (var tensor in tensors)
            if (Address(tensor) % 16 != 0) return false;
        return true;
    }

    /// <summary>The number of blocks whose threads take four channels each, and several positions one after the other.</summary>
    private static int RowBlocks(in NormGeometry g) => g.Samples * Blocks(g.Positions, Block / (g.Channels / 4) * (ValuesPerBlock / Block));

    /// <summary>Values that each thread keeps of an image that is held in the registers of a block.</summary>
    private const int ValuesPerThread = 32;

    /// <summary>Whether groups have several channels and an image fits the registers of a block: 32 values for each of 512 threads.</summary>
    private static bool FitsRegisters(in NormGeometry g) => g.Groups < g.Channels && g.Channels is (4 or 8 or 16 or 32 or 64)
        && g.Positions > 1 && (long)g.Positions * g.Channels <= ValuesPerThread * 512;

    private static int ImageThreads(in NormGeometry g) => Blocks(Blocks(g.Positions * g.Channels, ValuesPerThread), 32) * 32;

    /// <summary>The number of chunks of positions for sums over a sample's positions; it depends only on the sizes.</summary>
    /// <param name="lanes">How many channels of each position a block takes.</param>
    private static int Chunks(in NormGeometry g, int lanes)
    {
        const int valuesPerChunk = 8192, most = 128;
        return (int)Math.Clamp(((long)g.Positions * lanes + valuesPerChunk - 1) / valuesPerChunk, 1, most);
    }

    private Tensor Tickets(int count)
    {
        using var entered = stream.Enter();
        if (_tickets is not null && _tickets.Count >= count) return _tickets;
        // Nothing runs while a graph is being recorded: these counters belong to the graph, and every replay zeroes them.
        if (CudaStep.Recording is not null) return Tensor.Zeros([count], Device);
        if (_tickets is not null) _smallerTickets.Add(_tickets);
        // Not from a pool: a graph may return the memory of its pool.
        int most = Math.Max(1024, count);
        _tickets = new Tensor(NewStorage(DType.F32, most), 0, [most]);
        Fill(_tickets, 0);
        return _tickets;
    }

    /// <summary>Memory for intermediate values; it may be returned as soon as the kernels that use it are on the stream.</summary>
    private Tensor Workspace(int rows, int columns)
    {
        Shape shape = [rows, columns];
        return new Tensor(Pool.Rent(DType.F32, shape.Count), 0, shape);
    }
}
