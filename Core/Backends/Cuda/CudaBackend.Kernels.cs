namespace MiniDL.Backends.Cuda;

// Reductions, linear algebra, windows, losses and the optimizer.
internal sealed partial class CudaBackend
{
    /// <summary>Matrix products and convolutions are computed in square tiles: this many rows or pixels by as many columns or channels.</summary>
    private const int Tile = 64;

    // ---- reductions ---------------------------------------------------------------------------------------------------------

    internal override void Sum(Tensor x, Tensor y, int outer, int reduced, int inner)
    {
        // A long sum is cut into chunks, so that there is work for the whole GPU; their number depends only on the sizes.
        const int chunkLength = 4096, maxChunks = 64;
        int chunks = outer * Blocks(inner, Lanes(inner)) >= maxChunks ? 1 : Math.Clamp(Blocks(reduced, chunkLength), 1, maxChunks);
        if (chunks == 1)
        {
            SumChunks(x, y, outer, reduced, inner, 1);
            return;
        }
        var partial = Workspace(outer * chunks, inner);
        SumChunks(x, partial, outer, reduced, inner, chunks);
        SumChunks(partial, y, outer, chunks, inner, 1);
        Pool.Return(partial.Storage);
    }

    private void SumChunks(Tensor x, Tensor y, int outer, int reduced, int inner, int chunks) =>
        stream.Launch(Kernels.Sum.For(x), outer * chunks * Blocks(inner, Lanes(inner)), Block, new SumArguments
        {
            X = Address(x),
            Y = Address(y),
            Outer = outer,
            Reduced = reduced,
            Inner = inner,
            Chunks = chunks,
        }, x, y);

    /// <summary>Threads of a block along the inner dimension: the smallest power of two that covers it, at most a warp.</summary>
    private static int Lanes(int inner) => (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(inner, 1, 32));

    internal override void Max(Tensor x, Tensor y, Tensor index, int outer, int reduced, int inner)
    {
        Storage(index).Range = null;
        RunOneByOne(Kernels.Max, outer * inner, new MaxArguments
        {
            X = Address(x),
            Y = Address(y),
            Index = Address(index),
            Outer = outer,
            Reduced = reduced,
            Inner = inner,
        }, x, y, index);
    }

    internal override void MaxGradient(Tensor dy, Tensor index, Tensor dx, int outer, int reduced, int inner) =>
        RunOneByOne(Kernels.MaxGradient, outer * reduced * inner, new MaxGradientArguments
        {
            Dy = Address(dy),
            Index = Address(index),
            Dx = Address(dx),
            Outer = outer,
            Reduced = reduced,
            Inner = inner,
        }, dy, index, dx);

    // ---- linear algebra and windows -----------------------------------------------------------------------------------------

    internal override void MatMul(Tensor a, Tensor b, Tensor c, int rows, int inner, int columns,
        bool transposeA = false, bool transposeB = false) =>
        stream.Launch(Kernels.MatMul, Blocks(rows, Tile) * Blocks(columns, Tile), Block, new MatMulArguments
        {
            A = Address(a),
            B = Address(b),
            C = Address(c),
            Rows = rows,
            Inner = inner,
            Columns = columns,
            ARow = transposeA ? 1 : inner,
            AInner = transposeA ? rows : 1,
            BInner = transposeB ? 1 : columns,
            BColumn = transposeB ? inner : 1,
        }, a, b, c);

    internal override void MaxPool2d(Tensor x, Tensor y, Tensor index, in Window2d g)
    {
        Storage(index).Range = null;
        Pooled(Kernels.MaxPool2d, x, y, index, y.Count, g);
    }

    internal override void MaxPool2dGradient(Tensor dy, Tensor index, Tensor dx, in Window2d g) =>
        Pooled(Kernels.MaxPool2dGradient, dx, dy, index, dx.Count, g);

    internal override void AvgPool2d(Tensor x, Tensor y, in Window2d g) => Pooled(Kernels.AvgPool2d, x, y, null, y.Count, g);

    internal override void AvgPool2dGradient(Tensor dy, Tensor dx, in Window2d g) =>
        Pooled(Kernels.AvgPool2dGradient, dx, dy, null, dx.Count, g);

    private void Pooled(KernelPair kernel, Tensor x, Tensor y, Tensor? index, int values, in Window2d g) => RunOneByOne(kernel.For(x, y), values,
        new PoolArguments { X = Address(x), Y = Address(y), Index = Address(index), Window = g }, x, y, index);

    // ---- losses: one warp per row -------------------------------------------------------------------------------------------

    private const int RowsPerBlock = 8;

    internal override void LogSoftmax(Tensor x, Tensor y, int rows, int columns) =>
        stream.Launch(Kernels.LogSoftmax, Blocks(rows, RowsPerBlock), Block,
            new SoftmaxArguments { X = Address(x), Y = Address(y), Rows = rows, Columns = columns }, x, y);

    internal override void LogSoftmaxGradient(Tensor dy, Tensor y, Tensor dx, int rows, int columns) =>
        stream.Launch(Kernels.LogSoftmaxGradient, Blocks(rows, RowsPerBlock), Block,
            new SoftmaxGradientArguments { Dy = Address(dy), Y = Address(y), Dx = Address(dx), Rows = rows, Columns = columns }, dy, y, dx);

    internal override void NegativeLogLikelihood(Tensor logProbabilities, Tensor labels, Tensor loss, int rows, int columns) =>
        stream.Launch(Kernels.NegativeLogLikelihood, 1, Block, new LikelihoodArguments
        {
            LogProbabilities = Address(logProbabilities),
            Labels = Address(labels),
            Loss = Address(loss),
            Rows = rows,
            Columns = columns,
        }, logProbabilities, labels, loss);

    internal override void CrossEntropyGradient(Tensor dloss, Tensor logProbabilities, Tensor labels, Tensor dx, int rows, int columns) =>
        RunOneByOne(Kernels.CrossEntropyGradient, dx.Count, new CrossEntropyArguments
        {
            Dloss = Address(dloss),
            LogProbabilities = Address(logProbabilities),
            Labels = Address(labels),
            Dx = Address(dx),
            Rows = rows,
            Columns = columns,
        }, dloss, logProbabilities, labels, dx);

    // ---- optimizer ----------------------------------------------------------------------------------------------------------

    internal override void SgdStep(Tensor parameter, Tensor gradient, Tensor? velocity, bool first, in SgdSettings settings)
    {
        stream.Branch.BeforeChange(parameter);
        Run(Kernels.Sgd, parameter.Count, new SgdArguments
        {
            Parameter = Address(parameter),
            Gradient = Address(gradient),
            Velocity = Address(velocity),
            Rate = CudaStep.Recording?.Word(settings.LearningRate) ?? 0,
            Count = parameter.Count,
            LearningRate = settings.LearningRate(),
            Momentum = settings.Momentum,
            Dampening = settings.Dampening,
            WeightDecay = settings.WeightDecay,
            First = first ? 1 : 0,
            Nesterov = settings.Nesterov ? 1 : 0,
        }, parameter, gradient, velocity);
    }
}
