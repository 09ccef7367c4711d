using static System.Math;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// The weight gradient of a 3 × 3 convolution with stride 1, by Winograd's F(4×4, 3×3) transposed:
/// <c>dw = Gᵀ [Σ over tiles (Bᵀ x B) ⊙ (A dy Aᵀ)] G</c>, with a quarter of the multiplications of the direct sum.
/// </summary>
/// <remarks>
/// For each of the 36 points the sum over tiles is a matrix product, inputs × tiles × outputs, made of outer products. The rows
/// of tiles of all images are distributed over chunks, whose number depends only on the shape; the chunks' sums are added in order.
/// Channels must be multiples of 16, the longest vector.
/// </remarks>
internal sealed unsafe class WinogradWeightGradient<V> where V : unmanaged, ISimd<V>
{
    private const int Tile = WinogradTransforms<V>.Outputs, Window = WinogradTransforms<V>.Inputs;
    private const int Points = WinogradTransforms<V>.Points, Taps = 9, BlockFloats = 1024, PartialFloats = 1 << 18;

    private readonly float* _dw, _partials;
    private readonly int _inputs, _outputs, _tileColumns, _rows, _rowsPerBlock, _chunks;
    private readonly int _inputStep, _gradientStep, _partialSize;
    private readonly WinogradTiles _inputTiles, _gradientTiles;

    private WinogradWeightGradient(float* x, float* dy, float* dw, in Window2d g)
    {
        _dw = dw;
        (_inputs, _outputs) = (g.InChannels, g.OutChannels);
        int tileRows = (g.OutHeight + Tile - 1) / Tile;
        _tileColumns = (g.OutWidth + Tile - 1) / Tile;
        _inputTiles = new WinogradTiles(x, g.InHeight, g.InWidth, _inputs, g.PadHeight, g.PadWidth,
            Window, tileRows, _tileColumns);
        _gradientTiles = new WinogradTiles(dy, g.OutHeight, g.OutWidth, _outputs, 0, 0, Tile, tileRows, _tileColumns);
        _rows = g.Batch * tileRows;
        _rowsPerBlock = Max(1, BlockFloats / Max(_inputs, _outputs) / _tileColumns);
        // One vector of padding: at power-of-two distances the 36 points would compete for the same few cache lines.
        _inputStep = _rowsPerBlock * _tileColumns * _inputs + V.Count;
        _gradientStep = _rowsPerBlock * _tileColumns * _outputs + V.Count;
        _partialSize = Points * _inputs * _outputs;
        _chunks = Min(_rows, Clamp(PartialFloats / _partialSize, 4, 16));
        _partials = Scratch.Rent(ScratchUse.Partials, _chunks * _partialSize);
    }

    /// <summary>
    /// Whether this algorithm handles the shape, there are enough tiles to make transforming the weights worthwhile, and the weights
    /// are few enough for the partial sums to stay in the cache.
    /// </summary>
    public static bool Suits(in Window2d g) =>
        WinogradConvolution<V>.Suits(g) && (long)g.Batch * g.OutPixels / (Tile * Tile) >= 2 * Max(g.InChannels, g.OutChannels)
        && g.InChannels * g.OutChannels <= 128 * 128;

    /// <summary>See <see cref="Backend.Conv2dWeightGradient"/>.</summary>
    public static void Run(float* x, float* dy, float* dw, in Window2d g)
    {
        var gradient = new WinogradWeightGradient<V>(x, dy, dw, g);
        Workers.Run(gradient._chunks, gradient, static (gradient, chunk) => gradient.RunChunk(chunk));
        Workers.Run(gradient._outputs / V.Count * gradient._inputs / 16, gradient, static (gradient, index) => gradient.AddPartials(index));
    }

    private void RunChunk(int chunk)
    {
        float* partial = _partials + (nint)chunk * _partialSize;
        new Span<float>(partial, _partialSize).Clear();
        float* inputs = Scratch.Rent(ScratchUse.Transformed, Points * _inputStep);
        float* gradients = Scratch.Rent(ScratchUse.Products, Points * _gradientStep);
        int end = (int)((long)_rows * (chunk + 1) / _chunks);
        for (int first = (int)((long)_rows * chunk / _chunks), rows; first < end; first += rows)
        {
            rows = Min(_rowsPerBlock, end - first);
            for (int row = 0; row < rows; row++)
            {
                TransformInputs(first + row, inputs + row * _tileColumns * _inputs);
                TransformGradients(first + row, gradients + row * _tileColumns * _outputs);
            }
            AddProducts(inputs, gradients, rows * _tileColumns, partial);
        }
    }

    private void TransformInputs(int tileRow, float* to)
    {
        float* temporary = Scratch.Rent(ScratchUse.Tile, Points * V.Count);
        float* x = _inputTiles.Row(tileRow, out int rowStep);
        for (int tile = 0; tile < _tileColumns; tile++, x += Tile * _inputs, to += _inputs)
            for (int c = 0; c < _inputs; c += V.Count)
                WinogradTransforms<V>.Input(x + c, rowStep, _inputs, to + c, _inputStep, temporary);
    }

    private void TransformGradients(int tileRow, float* to)
    {
        float* temporary = Scratch.Rent(ScratchUse.Tile, Points * V.Count);
        float* dy = _gradientTiles.Row(tileRow, out int rowStep);
        for (int tile = 0; tile < _tileColumns; tile++, dy += Tile * _outputs, to += _outputs)
            for (int k = 0; k < _outputs; k += V.Count)
                WinogradTransforms<V>.OutputGradient(dy + k, rowStep, _outputs, to + k, _gradientStep, temporary);
    }

    /// <summary>partial[point][vector][input][lane] += Σ inputs[point][tile][input] · gradients[point][tile][lane].</summary>
    private void AddProducts(float* inputs, float* gradients, int tiles, float* partial)
    {
        int tile = V.HasManyRegisters ? OuterProduct16x1<V>.Inputs : OuterProduct8x1<V>.Inputs;
        for (int point = 0; point < Points; point++, inputs += _inputStep, gradients += _gradientStep)
            for (int k = 0; k < _outputs; k += V.Count)
                for (int c = 0; c < _inputs; c += tile, partial += tile * V.Count)
                    if (V.HasManyRegisters)
                        OuterProduct16x1<V>.Run(inputs + c, 0, _inputs, gradients + k, _outputs, 1, tiles, partial);
                    else
                        OuterProduct8x1<V>.Run(inputs + c, 0, _inputs, gradients + k, _outputs, 1, tiles, partial);
    }

    /// <summary>Gᵀ · G of the chunks' sums, for 16 inputs and one vector of outputs, stored as [K, C, R, S].</summary>
    private void AddPartials(int index)
    {
        var (vector, first) = (index / (_inputs / 16), index % (_inputs / 16) * 16);
        float* sums = Scratch.Rent(ScratchUse.Tile, (Points + Taps + Points) * V.Count);
        float* taps = sums + Points * V.Count, temporary = taps + Taps * V.Count;
        for (int input = first; input < first + 16; input++)
        {
            for (int point = 0; point < Points; point++)
            {
                float* partial = _partials + (point * _outputs + vector * V.Count) * _inputs + input * V.Count;
                V sum = V.Load(partial);
                for (int chunk = 1; chunk < _chunks; chunk++)
                    sum = (sum + V.Load(partial + (nint)chunk * _partialSize));
                sum.Store(sums + point * V.Count);
            }
            WinogradTransforms<V>.WeightGradient(sums, taps, temporary);
            float* to = _dw + ((nint)vector * V.Count * _inputs + input) * Taps;
            for (int lane = 0; lane < V.Count; lane++, to += _inputs * Taps)
                for (int tap = 0; tap < Taps; tap++) to[tap] = taps[tap * V.Count + lane];
        }
    }
}
