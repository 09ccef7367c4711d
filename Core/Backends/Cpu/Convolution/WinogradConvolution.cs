using static System.Math;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// Convolution with a 3 × 3 kernel and stride 1, and its input gradient (the same with the flipped, transposed kernel), by
/// Winograd's F(4×4, 3×3), with a quarter of the multiplications of the direct sum. See <see cref="WinogradTransforms{V}"/>.
/// </summary>
/// <remarks>
/// A chunk of work is a few rows of tiles, from one or several images, about <see cref="BlockTiles"/> tiles in all. Their inputs are
/// transformed to 36 matrices of tiles × input channels; each is multiplied by its matrix of weights, using the register tiles of
/// the direct convolution (a "pixel" is a tile, the window is one value wide); the products are transformed to outputs. All of a
/// block's scratch stays in the second-level cache. Channels must be multiples of 16, the longest vector.
/// </remarks>
internal sealed unsafe class WinogradConvolution<V> where V : unmanaged, ISimd<V>
{
    private const int Tile = WinogradTransforms<V>.Outputs, Window = WinogradTransforms<V>.Inputs;
    private const int Points = WinogradTransforms<V>.Points, Taps = 9, BlockTiles = 16;

    private readonly float* _weight, _target, _bias, _zeros, _transformed;
    private readonly Window2d _g;
    private readonly bool _gradient;
    private readonly int _inputs, _targetHeight, _targetWidth, _outputs;
    private readonly int _tileRows, _tileColumns, _rowsPerBlock, _blockTiles;
    private readonly WinogradTiles _tiles;
    private readonly int _weightStep, _inputStep, _productStep;
    private readonly int _imagesPerUnit;
    private Action<int, int>? _finish;
    private Epilogue _epilogue;

    private WinogradConvolution(float* source, float* weight, float* bias, float* target, in Window2d g, bool gradient)
    {
        _weight = weight;
        _target = target;
        (_g, _gradient) = (g, gradient);
        var (input, output) = ((g.InHeight, g.InWidth, g.InChannels), (g.OutHeight, g.OutWidth, g.OutChannels));
        (int height, int width, _inputs) = gradient ? output : input;
        (_targetHeight, _targetWidth, _outputs) = gradient ? input : output;
        (_tileRows, _tileColumns) = ((_targetHeight + Tile - 1) / Tile, (_targetWidth + Tile - 1) / Tile);
        var (padTop, padLeft) = gradient ? (2 - g.PadHeight, 2 - g.PadWidth) : (g.PadHeight, g.PadWidth);
        _tiles = new WinogradTiles(source, height, width, _inputs, padTop, padLeft, Window, _tileRows, _tileColumns);
        _rowsPerBlock = Clamp(BlockTiles / _tileColumns, 1, Max(1, g.Batch * _tileRows));
        // At most a quarter of the batch, so that small batches are shared out too. Never by the number of threads, which must not affect results.
        _imagesPerUnit = Clamp(_rowsPerBlock / _tileRows, 1, Max(1, g.Batch / 4));
        _blockTiles = (_rowsPerBlock * _tileColumns + 7) / 8 * 8;
        // One vector of padding: at power-of-two distances the 36 points would compete for the same few cache lines.
        _inputStep = _blockTiles * _inputs + V.Count;
        _productStep = _blockTiles * _outputs + V.Count;
        _weightStep = _inputs * _outputs + V.Count;
        _bias = Scratch.Rent(ScratchUse.Weights, _outputs + 2 * V.Count + Points * _weightStep);
        _zeros = _bias + _outputs;
        _transformed = _zeros + 2 * V.Count;
        PackedWeights.PackBias(bias, _outputs, V.Count, _bias);
        new Span<float>(_zeros, 2 * V.Count).Clear();
    }

    /// <summary>Whether this algorithm handles the shape and is faster than the direct one, and the exact sum was not asked for.</summary>
    public static bool Suits(in Window2d g) =>
        !g.Exact && (g.KernelHeight, g.KernelWidth, g.StrideHeight, g.StrideWidth) == (3, 3, 1, 1) && g.PadHeight <= 2 && g.PadWidth <= 2
        && g.InChannels > 0 && g.OutChannels > 0 && g.InChannels % 16 == 0 && g.OutChannels % 16 == 0
        && Min(g.InHeight, g.OutHeight) >= Tile && Min(g.InWidth, g.OutWidth) >= Tile;

    /// <summary>y = x ∗ w + bias; see <see cref="Backend.Conv2d"/>.</summary>
    public static void Forward(float* x, float* weight, float* bias, float* y, in Window2d g, Epilogue epilogue = default) =>
        new WinogradConvolution<V>(x, weight, bias, y, g, gradient: false) { _epilogue = epilogue }.Run();

    /// <summary>The same, image by image: <paramref name="finish"/>(first, end) is called for images as soon as they are computed.</summary>
    public static void Forward(float* x, float* weight, float* bias, float* y, in Window2d g, Action<int, int> finish)
    {
        var convolution = new WinogradConvolution<V>(x, weight, bias, y, g, gradient: false) { _finish = finish };
        convolution.RunTransformWeights();
        Workers.Run((g.Batch - 1) / convolution._imagesPerUnit + 1, convolution, static (convolution, unit) => convolution.RunImages(unit));
    }

    /// <summary>See <see cref="Backend.Conv2dInputGradient"/>.</summary>
    public static void InputGradient(float* dy, float* weight, float* dx, in Window2d g) =>
        new WinogradConvolution<V>(dy, weight, null, dx, g, gradient: true).Run();

    private void Run()
    {
        int rows = _g.Batch * _tileRows;
        if (rows == 0) return;
        RunTransformWeights();
        Workers.Run((rows + _rowsPerBlock - 1) / _rowsPerBlock, this, static (convolution, block) =>
            convolution.RunBlock(block * convolution._rowsPerBlock, convolution._g.Batch * convolution._tileRows));
    }

    /// <summary>Computes whole images, just enough to fill a block, and finishes them while they are in the cache.</summary>
    private void RunImages(int unit)
    {
        int first = unit * _imagesPerUnit, end = Min(first + _imagesPerUnit, _g.Batch);
        for (int row = first * _tileRows; row < end * _tileRows; row += _rowsPerBlock) RunBlock(row, end * _tileRows);
        _finish!(first, end);
    }

    private void RunTransformWeights() =>
        Workers.Run(_outputs / V.Count * _inputs / 16, this, static (convolution, chunk) => convolution.TransformWeights(chunk));

    /// <summary>G w Gᵀ for 16 inputs and one vector of outputs, as u[point][vector of outputs][input][lane].</summary>
    private void TransformWeights(int chunk)
    {
        int outputStep = _gradient ? Taps : _inputs * Taps, inputStep = _gradient ? _outputs * Taps : Taps;
        var (vector, first) = (chunk / (_inputs / 16), chunk % (_inputs / 16) * 16);
        float* taps = Scratch.Rent(ScratchUse.Image, 16 * Taps * V.Count), tap = taps;
        float* columns = Scratch.Rent(ScratchUse.Tile, Points * V.Count);
        // All are gathered before the first is transformed: reading a vector right after writing its scalars would stall.
        for (int input = first; input < first + 16; input++)
            for (int t = 0; t < Taps; t++, tap += V.Count)
            {
                int flipped = _gradient ? Taps - 1 - t : t;
                float* from = _weight + (nint)vector * V.Count * outputStep + input * inputStep + flipped;
                for (int lane = 0; lane < V.Count; lane++) tap[lane] = from[lane * outputStep];
            }
        if (_epilogue.Scale != null)
        {
            V scale = V.Load(_epilogue.Scale + vector * V.Count);
            for (int t = 0; t < 16 * Taps; t++) (V.Load(taps + t * V.Count) * scale).Store(taps + t * V.Count);
        }
        float* to = _transformed + (vector * _inputs + first) * V.Count;
        for (int input = 0; input < 16; input++, taps += Taps * V.Count, to += V.Count)
            WinogradTransforms<V>.Weight(taps, to, _weightStep, columns);
    }

    /// <summary>A block of rows of tiles, up to <paramref name="endRow"/> at most; rows are counted over all images.</summary>
    private void RunBlock(int firstRow, int endRow)
    {
        int rows = Min(_rowsPerBlock, endRow - firstRow);
        float* inputs = Scratch.Rent(ScratchUse.Transformed, Points * _inputStep);
        float* products = Scratch.Rent(ScratchUse.Products, Points * _productStep);
        for (int row = 0; row < rows; row++) TransformInputs(firstRow + row, inputs + row * _tileColumns * _inputs);
        Multiply(inputs, products, rows * _tileColumns);
        for (int row = 0; row < rows; row++) TransformOutputs(firstRow + row, products + row * _tileColumns * _outputs);
    }

    private void TransformInputs(int tileRow, float* to)
    {
        float* temporary = Scratch.Rent(ScratchUse.Tile, Points * V.Count);
        float* source = _tiles.Row(tileRow, out int rowStep);
        for (int tile = 0; tile < _tileColumns; tile++, source += Tile * _inputs, to += _inputs)
            for (int c = 0; c < _inputs; c += V.Count)
                WinogradTransforms<V>.Input(source + c, rowStep, _inputs, to + c, _inputStep, temporary);
    }

    /// <summary>products[point] = inputs[point] · weights[point], 36 matrix products of tiles × inputs × outputs.</summary>
    private void Multiply(float* inputs, float* products, int tiles)
    {
        int perVector = _inputs * V.Count;
        for (int point = 0; point < Points; point++, inputs += _inputStep, products += _productStep)
            for (int k = 0, vectors; k < _outputs; k += vectors * V.Count)
            {
                vectors = V.HasManyRegisters && k + V.Count < _outputs ? 2 : 1;
                float* weights = _transformed + point * _weightStep + k * _inputs;
                for (int tile = 0, count; tile < tiles; tile += count)
                {
                    float* x = inputs + tile * _inputs, y = products + tile * _outputs + k;
                    count = V.HasManyRegisters && vectors == 1 && tiles - tile > 8 ? 16 : 8;
                    if (vectors == 2)
                        Tile8x2<V>.Run(x, 0, _inputs, 1, _inputs, weights, perVector, _zeros, y, _outputs);
                    else if (count == 16)
                        Tile16x1<V>.Run(x, 0, _inputs, 1, _inputs, weights, _zeros, y, _outputs);
                    else
                        Tile8x1<V>.Run(x, 0, _inputs, 1, _inputs, weights, _zeros, y, _outputs);
                }
            }
    }

    private void TransformOutputs(int tileRow, float* from)
    {
        var (image, row) = (tileRow / _tileRows, tileRow % _tileRows);
        float* temporary = Scratch.Rent(ScratchUse.Tile, (Points + Tile * Tile) * V.Count);
        float* partial = temporary + Points * V.Count;
        int height = Min(Tile, _targetHeight - row * Tile), yRow = _targetWidth * _outputs;
        float* y = _target + ((nint)image * _targetHeight + row * Tile) * yRow;
        for (int tile = 0; tile < _tileColumns; tile++, y += Tile * _outputs, from += _outputs)
        {
            int width = Min(Tile, _targetWidth - tile * Tile);
            bool whole = height == Tile && width == Tile;
            for (int k = 0; k < _outputs; k += V.Count)
            {
                float* to = whole ? y + k : partial;
                var (toRow, toStep) = whole ? (yRow, _outputs) : (Tile * V.Count, V.Count);
                float* added = _epilogue.Residual == null ? null : _epilogue.Residual + (y - _target) + k;
                WinogradTransforms<V>.Output(from + k, _productStep, _bias + k, to, toRow, toStep,
                    whole ? added : null, whole && _epilogue.Relu, temporary);
                if (whole) continue;
                for (int i = 0; i < height; i++)
                    for (int j = 0; j < width; j++)
                        StorePartial(partial + (i * Tile + j) * V.Count, added, y + k, i * yRow + j * _outputs);
            }
        }
    }

    /// <summary>Stores one pixel of a tile that extends past the edge of the image.</summary>
    private void StorePartial(float* value, float* residual, float* y, int offset)
    {
        V result = V.Load(value);
        if (residual != null) result += V.Load(residual + offset);
        (_epilogue.Relu ? V.Relu(result) : result).Store(y + offset);
    }
}
