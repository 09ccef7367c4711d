using static System.Math;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// The weight gradient of a 3 × 3 convolution with stride 1, by Winograd's F(4×4, 3×3) transposed:
/// <c>dw = Gᵀ [Σ over tiles (Bᵀ x B) ⊙ (A dy Aᵀ)] G</c>, with a quarter of the multiplications of the direct sum.
/// </summary>
/// <remarks>
/// For each of the 36 points the sum over tiles is a matrix product, inputs × tiles × outputs, made of outer products: a third of the
/// points at a time, so that the transformed values of a block of tiles stay in the first-level cache. The work is cut
/// into parts of the rows of tiles of all images, each with sums of its own, which are added in order; with few tiles, into slices of the outputs
/// in place of parts; and with few parts also into groups of points. Only the shape decides.
/// Channels must be multiples of 16, the longest vector.
/// </remarks>
internal sealed unsafe class WinogradWeightGradient<V> where V : unmanaged, ISimd<V>
{
    private const int Tile = WinogradPoints.Outputs, Window = WinogradPoints.Inputs;
    private const int Points = WinogradPoints.Count, GroupPoints = WinogradPoints.GroupPoints, Taps = 9;
    private const int PartialFloats = 1 << 18, MinTiles = 8, FewTiles = 128, MinParts = 4, TilesPerPart = 64, MaxParts = 8;

    private readonly float* _dw, _partials;
    private readonly int _inputs, _outputs, _rows, _rowsPerBlock, _parts, _slices, _groupsPerChunk;
    private readonly int _inputStep, _gradientStep, _partialSize;
    private readonly WinogradTiles _inputTiles, _gradientTiles;
    private readonly InputNorm<V>? _inputNorm;

    private WinogradWeightGradient(float* x, float* dy, float* dw, in Window2d g, InputNorm<V>? inputNorm)
    {
        _dw = dw;
        _inputNorm = inputNorm;
        (_inputs, _outputs) = (g.InChannels, g.OutChannels);
        var (tileRows, tileColumns) = ((g.OutHeight + Tile - 1) / Tile, (g.OutWidth + Tile - 1) / Tile);
        int zeros = Max(WinogradTiles.RowLength(tileColumns, Window, _inputs), WinogradTiles.RowLength(tileColumns, Tile, _outputs));
        float* zero = Scratch.Rent(ScratchUse.Bias, zeros);
        new Span<float>(zero, zeros).Clear();
        _inputTiles = new WinogradTiles(x, g.InHeight, g.InWidth, _inputs, g.PadHeight, g.PadWidth, Window, tileRows, tileColumns, zero);
        _gradientTiles = new WinogradTiles(dy, g.OutHeight, g.OutWidth, _outputs, 0, 0, Tile, tileRows, tileColumns, zero);
        _rows = g.Batch * tileRows;
        // Few channels: their points stay in the first-level cache. Many: adding to the sums is worth it only for many tiles.
        _rowsPerBlock = Max(1, Clamp(Max(_inputs, _outputs) / 2, 8, 32) / tileColumns);
        // One vector of padding: at power-of-two distances the 36 points would compete for the same few cache lines.
        _inputStep = _rowsPerBlock * tileColumns * _inputs + V.Count;
        _gradientStep = _rowsPerBlock * tileColumns * _outputs + V.Count;
        _partialSize = Points * _inputs * _outputs;
        // Few tiles: each thread sums its own half of the outputs. Many: the tiles are shared out, as far as the sums of the parts fit the cache,
        // and then the points.
        int tiles = _rows * tileColumns;
        _slices = tiles <= FewTiles ? Min(2, _outputs / V.Count) : 1;
        _parts = _slices > 1 ? 1 : Min(_rows, Clamp(Min(tiles / TilesPerPart, PartialFloats / _partialSize) / 2 * 2, 2, MaxParts));
        _groupsPerChunk = _slices > 1 || _parts >= MinParts ? WinogradPoints.Groups : 1;
        _partials = Scratch.Rent(ScratchUse.Partials, _parts * _partialSize);
    }

    /// <summary>
    /// Whether this algorithm handles the shape, there are enough tiles to make transforming the weights worthwhile, and the weights
    /// are few enough for the partial sums to stay in the cache.
    /// </summary>
    public static bool Suits(in Window2d g) =>
        WinogradConvolution<V>.Suits(g) && (long)g.Batch * g.OutPixels / (Tile * Tile) >= MinTiles
        && g.InChannels * g.OutChannels <= 128 * 128;

    /// <summary>See <see cref="Backend.Conv2dWeightGradient"/>.</summary>
    /// <param name="norm">Normalizes x as it is read; or null.</param>
    public static void Run(float* x, float* dy, float* dw, in Window2d g, InputNorm<V>? norm = null)
    {
        var gradient = new WinogradWeightGradient<V>(x, dy, dw, g, norm);
        Workers.Run(gradient._slices * gradient._parts * gradient.GroupsOfChunks, gradient, static (g, chunk) =>
            g.RunChunk(chunk / g.GroupsOfChunks / g._parts, chunk / g.GroupsOfChunks % g._parts, chunk % g.GroupsOfChunks * g._groupsPerChunk));
        Workers.Run(gradient._outputs / V.Count * gradient._inputs / 16, gradient, static (gradient, index) => gradient.AddPartials(index));
    }

    private int GroupsOfChunks => WinogradPoints.Groups / _groupsPerChunk;

    /// <summary>A slice of the outputs, for one part of the rows of tiles, at one group of points or all of them.</summary>
    private void RunChunk(int slice, int part, int firstGroup)
    {
        int k = FirstOf(slice), outputs = FirstOf(slice + 1) - k;
        int groupSize = GroupPoints * _inputs * outputs, endGroup = firstGroup + _groupsPerChunk;
        float* partial = _partials + (nint)part * _partialSize + Points * _inputs * k;
        new Span<float>(partial + firstGroup * groupSize, _groupsPerChunk * groupSize).Clear();
        int end = (int)((long)_rows * (part + 1) / _parts);
        float** pixels = stackalloc float*[_rowsPerBlock * Window];
        for (int first = (int)((long)_rows * part / _parts), rows; first < end; first += rows)
        {
            rows = Min(_rowsPerBlock, end - first);
            _inputTiles.PixelRows(_inputNorm, first, rows, pixels);
            var fetch = FetchNext(first + rows, Min(_rowsPerBlock, end - first - rows), steps: rows * _inputTiles.Columns * _groupsPerChunk);
            for (int group = firstGroup; group < endGroup; group++)
                RunBlock(group, first, rows, k, outputs, pixels, partial + group * groupSize, ref fetch);
        }
    }

    /// <summary>The first output of a slice.</summary>
    private int FirstOf(int slice) => _outputs / V.Count * slice / _slices * V.Count;

    /// <summary>Fetches the rows of tiles that come next while these are processed; the images are far from the cache where a layer is larger than it.</summary>
    private Fetch<V> FetchNext(int first, int rows, int steps)
    {
        if (rows <= 0) return default;
        float* x = _inputTiles.Pixels(first), end = _inputTiles.Pixels(first + rows);
        return new Fetch<V>(x, (int)(end - x), _gradientTiles.Pixels(first), steps);
    }

    /// <summary>One group of points of a block of rows of tiles, for <paramref name="outputs"/> outputs from <paramref name="first"/>.</summary>
    private void RunBlock(int group, int firstRow, int rows, int first, int outputs, float** pixels, float* partial, ref Fetch<V> fetch)
    {
        float* inputs = Scratch.Rent(ScratchUse.Transformed, GroupPoints * _inputStep);
        float* gradients = Scratch.Rent(ScratchUse.Products, GroupPoints * _gradientStep);
        int columns = _inputTiles.Columns;
        for (int row = 0; row < rows; row++)
        {
            WinogradInput<V>.Run(group, _inputTiles, pixels + row * Window, inputs + row * columns * _inputs, _inputStep, ref fetch);
            TransformGradients(group, firstRow + row, first, outputs, gradients + row * columns * outputs);
        }
        AddProducts(inputs, gradients, rows * columns, outputs, partial);
    }

    private void TransformGradients(int group, int tileRow, int first, int outputs, float* to)
    {
        float** pixels = stackalloc float*[Tile];
        _gradientTiles.PixelRows(tileRow, pixels);
        for (int tile = 0; tile < _gradientTiles.Columns; tile++, to += outputs)
        {
            int end = _gradientTiles.Inside(tile).To;
            for (int k = 0; k < outputs; k += V.Count)
                WinogradOutputGradient<V>.Run(group, pixels, tile * _gradientTiles.Step + first + k, _outputs, end, to + k, _gradientStep);
        }
    }

    /// <summary>partial[point][vector][input][lane] += Σ inputs[point][tile][input] · gradients[point][tile][lane].</summary>
    private void AddProducts(float* inputs, float* gradients, int tiles, int outputs, float* partial)
    {
        int tile = V.HasManyRegisters ? OuterProduct16x1<V>.Inputs : OuterProduct8x1<V>.Inputs;
        for (int point = 0; point < GroupPoints; point++, inputs += _inputStep, gradients += _gradientStep, partial += outputs * _inputs)
            for (int k = 0; k < outputs; k += V.Count)
                for (int c = 0; c < _inputs; c += tile)
                {
                    float* sums = partial + k * _inputs + c * V.Count;
                    if (V.HasManyRegisters) OuterProduct16x1<V>.Run(inputs + c, 0, _inputs, gradients + k, outputs, 1, tiles, sums);
                    else OuterProduct8x1<V>.Run(inputs + c, 0, _inputs, gradients + k, outputs, 1, tiles, sums);
                }
    }

    /// <summary>Gᵀ · G of the chunks' sums, for 16 inputs and one vector of outputs, stored as [K, C, R, S].</summary>
    private void AddPartials(int index)
    {
        var (vector, first) = (index / (_inputs / 16), index % (_inputs / 16) * 16);
        float* sums = Scratch.Rent(ScratchUse.Tile, (Points + Taps + Points) * V.Count);
        float* taps = sums + Points * V.Count, temporary = taps + Taps * V.Count;
        int slice = 0;
        while (FirstOf(slice + 1) <= vector * V.Count) slice++;
        int k = FirstOf(slice), outputs = FirstOf(slice + 1) - k;
        float* ofSlice = _partials + Points * _inputs * k + (vector * V.Count - k) * _inputs;
        for (int input = first; input < first + 16; input++)
        {
            for (int point = 0; point < Points; point++)
            {
                float* partial = ofSlice + point * outputs * _inputs + input * V.Count;
                V sum = V.Load(partial);
                for (int part = 1; part < _parts; part++)
                    sum = (sum + V.Load(partial + (nint)part * _partialSize));
                sum.Store(sums + point * V.Count);
            }
            WinogradWeights<V>.Gradient(sums, taps, temporary);
            float* to = _dw + ((nint)vector * V.Count * _inputs + input) * Taps;
            for (int lane = 0; lane < V.Count; lane++, to += _inputs * Taps)
                for (int tap = 0; tap < Taps; tap++) to[tap] = taps[tap * V.Count + lane];
        }
    }
}
