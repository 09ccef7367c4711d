namespace MiniDL.Backends.Cuda;

// Normalization. Where every channel is a group, a block takes some channels of a chunk of positions, and the statistics of the
// chunks are combined; else a block takes one statistic.
internal sealed partial class CudaBackend
{
    /// <summary>Counts finished blocks for the last of them to combine: zeros before and after every launch.</summary>
    private Tensor? _tickets;

    /// <summary>Those that were too small for a later launch: graphs that were captured before still use them.</summary>
    private readonly List<Tensor> _smallerTickets = [];

    internal override void Moments(Tensor x, Tensor mean, Tensor variance, in NormGeometry g)
    {
        var arguments = new MomentsArguments { X = Address(x), Mean = Address(mean), Variance = Address(variance), Geometry = g, Chunks = 1 };
        if (g.Groups != g.Channels)
        {
            context.Launch(Kernels.MomentsGroups, g.Statistics, Block, arguments, x, mean, variance);
            return;
        }
        int lanes = Lanes(g.Channels), columns = Blocks(g.Channels, lanes);
        arguments.Chunks = Chunks(g);
        var partials = arguments.Chunks == 1 ? null : Workspace(g.Samples * arguments.Chunks, 2 * g.Channels);
        var tickets = arguments.Chunks == 1 ? null : Tickets(g.Samples * columns);
        (arguments.Partials, arguments.Tickets) = (Address(partials), Address(tickets));
        context.Launch(Kernels.MomentsColumns, g.Samples * arguments.Chunks * columns, Block, arguments, x, mean, variance, partials, tickets);
        if (partials is not null) Pool.Return(partials.Storage);
    }

    internal override void Normalize(Tensor x, Tensor mean, Tensor variance, double eps, Tensor? weight, Tensor? bias,
        Tensor? residual, Activation activation, Tensor y, in NormGeometry g) =>
        Run(Kernels.Normalize, y.Count, new NormalizeArguments
        {
            X = Address(x),
            Mean = Address(mean),
            Variance = Address(variance),
            Weight = Address(weight),
            Bias = Address(bias),
            Residual = Address(residual),
            Y = Address(y),
            Geometry = g,
            Eps = (float)eps,
            Relu = activation == Activation.Relu ? 1 : 0,
        }, x, mean, variance, weight, bias, residual, y);

    internal override void NormalizeGradient(Tensor dy, Tensor x, Tensor mean, Tensor variance, double eps, Tensor? weight,
        Tensor y, Activation activation, bool constant, Tensor? dx, Tensor? dweight, Tensor? dbias, Tensor? dresidual, in NormGeometry g)
    {
        int chunks = Chunks(g), lanes = Lanes(g.Channels);
        Tensor partials = Workspace(g.Samples * chunks, 2 * g.Channels), sums = Workspace(g.Samples, 2 * g.Groups);
        var arguments = new NormalizeGradientArguments
        {
            Dy = Address(dy),
            X = Address(x),
            Y = Address(y),
            Mean = Address(mean),
            Variance = Address(variance),
            Weight = Address(weight),
            Dx = Address(dx),
            Dweight = Address(dweight),
            Dbias = Address(dbias),
            Dresidual = Address(dresidual),
            Partials = Address(partials),
            Sums = Address(sums),
            Geometry = g,
            Chunks = chunks,
            Eps = (float)eps,
            Relu = activation == Activation.Relu ? 1 : 0,
            Constant = constant ? 1 : 0,
        };
        if ((dx is not null && !constant) || dweight is not null || dbias is not null)
        {
            context.Launch(Kernels.NormalizeGradientPartials, g.Samples * chunks * Blocks(g.Channels, lanes), Block, arguments,
                dy, x, y, mean, variance, partials);
            context.Launch(Kernels.NormalizeGradientSums, g.Statistics + g.Channels, Block, arguments,
                partials, sums, weight, dweight, dbias);
        }
        if (dx is not null || dresidual is not null)
            Run(Kernels.NormalizeGradient, x.Count, arguments, dy, x, y, mean, variance, weight, sums, dx, dresidual);
        Pool.Return(partials.Storage);
        Pool.Return(sums.Storage);
    }

    /// <summary>Into how many chunks of positions the sums over a sample's positions are cut: by the sizes alone.</summary>
    private static int Chunks(in NormGeometry g)
    {
        const int valuesPerChunk = 8192, most = 128;
        return (int)Math.Clamp(((long)g.Positions * Lanes(g.Channels) + valuesPerChunk - 1) / valuesPerChunk, 1, most);
    }

    private Tensor Tickets(int count)
    {
        lock (_smallerTickets)
        {
            if (_tickets is not null && _tickets.Count >= count) return _tickets;
            if (_tickets is not null) _smallerTickets.Add(_tickets);
            using var outside = Scope.Suspend();
            return _tickets = Tensor.Zeros([Math.Max(1024, count)], Device).Keep();
        }
    }

    /// <summary>Memory for values in between: it may go back as soon as the kernels that use it are on the stream.</summary>
    private Tensor Workspace(int rows, int columns) => new(Pool.Rent(DType.F32, rows * columns), 0, [rows, columns]);
}
