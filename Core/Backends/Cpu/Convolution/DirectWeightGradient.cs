namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// The weight gradient by outer products: for every kernel row, tiles of window values × output channels stay in registers
/// while the pixels of a band of rows are processed.
/// </summary>
/// <remarks>
/// The bands of all images are distributed over chunks, whose number depends only on the shape. Each chunk sums into its own partial
/// gradient, and the partial gradients are added in order: the same bits for any number of threads.
/// </remarks>
internal sealed unsafe class DirectWeightGradient<V> where V : unmanaged, ISimd<V>
{
    private const int BandRows = 8, PartialFloats = 1 << 18;

    private readonly float* _x, _dy, _dw, _partials;
    private readonly Window2d _g;
    private readonly int _tile, _rowLength, _tiledLength, _vectors, _partialSize;
    private readonly int _bandRows, _bands, _chunks, _columns;

    private DirectWeightGradient(float* x, float* dy, float* dw, in Window2d g)
    {
        _x = x;
        _dy = dy;
        _dw = dw;
        _g = g;
        _rowLength = g.KernelWidth * g.InChannels;
        // A row of the kernel that fits the smaller tile would leave half of the larger one to zeros.
        _tile = V.HasManyRegisters && _rowLength > OuterProduct8x1<V>.Inputs ? OuterProduct16x1<V>.Inputs : OuterProduct8x1<V>.Inputs;
        _tiledLength = (_rowLength + _tile - 1) / _tile * _tile;
        _vectors = PackedWeights.VectorsOf(g.OutChannels, V.Count);
        _partialSize = _vectors * g.KernelHeight * _tiledLength * V.Count;
        _bandRows = Math.Min(g.OutHeight, BandRows);
        _bands = (g.OutHeight + _bandRows - 1) / _bandRows;
        _chunks = Math.Min(g.Batch * _bands, Math.Clamp(PartialFloats / _partialSize, 4, 32));
        _columns = (g.OutWidth - 1) * g.StrideWidth + g.KernelWidth;
        _partials = Scratch.Rent(ScratchUse.Partials, _chunks * _partialSize);
    }

    /// <summary>See <see cref="Backend.Conv2dWeightGradient"/>.</summary>
    public static void Run(float* x, float* dy, float* dw, in Window2d g)
    {
        if (g.OutChannels * g.InChannels == 0) return;
        var gradient = new DirectWeightGradient<V>(x, dy, dw, g);
        Workers.Run(gradient._chunks, gradient, static (gradient, chunk) => gradient.RunChunk(chunk));
        Workers.Run(gradient._vectors * g.KernelHeight, gradient, static (gradient, index) => gradient.AddPartials(index));
    }

    private void RunChunk(int chunk)
    {
        float* partial = _partials + (nint)chunk * _partialSize;
        new Span<float>(partial, _partialSize).Clear();
        long bands = (long)_g.Batch * _bands;
        for (int band = (int)(bands * chunk / _chunks); band < (int)(bands * (chunk + 1) / _chunks); band++)
            AddBand(band / _bands, band % _bands * _bandRows, partial);
    }

    private void AddBand(int image, int from, float* partial)
    {
        int rows = Math.Min(_bandRows, _g.OutHeight - from), row = _columns * _g.InChannels;
        int xRows = (rows - 1) * _g.StrideHeight + _g.KernelHeight;
        float* x = Scratch.Rent(ScratchUse.Image, xRows * row + _tile);
        PaddedRows.Copy(_x + (nint)image * _g.InHeight * _g.InWidth * _g.InChannels, _g.InHeight, _g.InWidth, _g.InChannels,
            from * _g.StrideHeight - _g.PadHeight, xRows, -_g.PadWidth, _columns, x);
        float* dy = _dy + ((nint)image * _g.OutHeight + from) * _g.OutWidth * _g.OutChannels;
        // Lanes past the last channel are the next pixel's, summed for nothing; only after the last pixel of all there is none to read.
        bool last = image == _g.Batch - 1 && from + rows == _g.OutHeight;
        if (last) dy = Copied(dy, rows * _g.OutWidth * _g.OutChannels);
        int xRow = row * _g.StrideHeight, xStep = _g.StrideWidth * _g.InChannels, dyStep = _g.OutChannels;
        for (int vector = 0; vector < _vectors; vector++)
            for (int r = 0; r < _g.KernelHeight; r++)
                for (int j = 0; j < _tiledLength; j += _tile, partial += _tile * V.Count)
                {
                    float* window = x + r * row + j, gradient = dy + vector * V.Count;
                    if (_tile == OuterProduct16x1<V>.Inputs)
                        OuterProduct16x1<V>.Run(window, xRow, xStep, gradient, dyStep, rows, _g.OutWidth, partial);
                    else
                        OuterProduct8x1<V>.Run(window, xRow, xStep, gradient, dyStep, rows, _g.OutWidth, partial);
                }
    }

    /// <summary>A copy after which a vector more can be read.</summary>
    private static float* Copied(float* dy, int count)
    {
        float* copy = Scratch.Rent(ScratchUse.Gradient, count + V.Count);
        new ReadOnlySpan<float>(dy, count).CopyTo(new Span<float>(copy, count));
        new Span<float>(copy + count, V.Count).Clear();
        return copy;
    }

    /// <summary>Adds the partial gradients of one vector of output channels and one kernel row, and stores them as [K, C, R, S].</summary>
    private void AddPartials(int index)
    {
        var (vector, r) = (index / _g.KernelHeight, index % _g.KernelHeight);
        int taps = _g.KernelHeight * _g.KernelWidth, lanes = Math.Min(V.Count, _g.OutChannels - vector * V.Count);
        float* sums = stackalloc float[V.Count];
        for (int j = 0; j < _rowLength; j++)
        {
            V sum = V.Zero;
            float* partial = _partials + ((nint)index * _tiledLength + j) * V.Count;
            for (int chunk = 0; chunk < _chunks; chunk++, partial += _partialSize) sum = sum + V.Load(partial);
            sum.Store(sums);
            var (s, c) = (j / _g.InChannels, j % _g.InChannels);
            float* to = _dw + ((nint)vector * V.Count * _g.InChannels + c) * taps + r * _g.KernelWidth + s;
            for (int lane = 0; lane < lanes; lane++) to[lane * _g.InChannels * taps] = sums[lane];
        }
    }
}
