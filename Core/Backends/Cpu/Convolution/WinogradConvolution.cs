using static System.Math;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// Convolution with a 3 × 3 kernel and stride 1, and its input gradient (the same with the flipped, transposed kernel), by
/// Winograd's F(4×4, 3×3), with a quarter of the multiplications of the direct sum. See <see cref="WinogradPoints"/>.
/// </summary>
/// <remarks>
/// A chunk of work is a few rows of tiles, from one or several images, about <see cref="BlockTiles"/> tiles in all; where there are few such
/// blocks, a chunk is half of the output channels of one. A third of the points at a time, so that they stay in the first-level cache, the
/// inputs are transformed to matrices of tiles × input channels, and each is multiplied by its matrix of weights; the products are transformed to
/// outputs. Channels must be multiples of 16, the longest vector.
/// <para>
/// With 32 registers, output channels are processed two vectors at a time by the register tile of the direct convolution (a "pixel" is a tile,
/// the window is one value wide). A last single vector would leave it waiting for loads: for that, <see cref="Tile4x6{V}"/> multiplies a
/// row of points at once.
/// </para>
/// </remarks>
internal sealed unsafe class WinogradConvolution<V> where V : unmanaged, ISimd<V>
{
    private const int Tile = WinogradPoints.Outputs, Window = WinogradPoints.Inputs, BlockTiles = 16, MinBlocks = 4;
    private const int Points = WinogradPoints.Count, GroupPoints = WinogradPoints.GroupPoints;

    private readonly WinogradKernel<V> _kernel;
    private readonly float* _target, _bias, _zeros;
    private readonly int _batch, _inputs, _targetHeight, _targetWidth, _outputs;
    private readonly int _rowsPerBlock, _blocks, _slices;
    private readonly WinogradTiles _tiles;
    private readonly int _inputStep, _productStep;
    private readonly InputNorm<V>? _inputNorm;
    private int _imagesPerUnit;
    private float* _read;
    private Action<int, int>? _finish;
    private ImagesReader? _reader;
    private Epilogue _epilogue;

    private WinogradConvolution(float* source, WinogradKernel<V> kernel, float* bias, float* target, in Window2d g, InputNorm<V>? inputNorm = null)
    {
        (_kernel, _batch, _inputNorm) = (kernel, g.Batch, inputNorm);
        _target = target;
        bool gradient = kernel.IsGradient;
        var (input, output) = ((g.InHeight, g.InWidth, g.InChannels), (g.OutHeight, g.OutWidth, g.OutChannels));
        (int height, int width, _inputs) = gradient ? output : input;
        (_targetHeight, _targetWidth, _outputs) = gradient ? input : output;
        var (tileRows, tileColumns) = ((_targetHeight + Tile - 1) / Tile, (_targetWidth + Tile - 1) / Tile);
        var (padTop, padLeft) = gradient ? (2 - g.PadHeight, 2 - g.PadWidth) : (g.PadHeight, g.PadWidth);
        _rowsPerBlock = Clamp(BlockTiles / tileColumns, 1, Max(1, g.Batch * tileRows));
        // At most a quarter of the batch, so that small batches are shared out too. Never by the number of threads, which must not affect results.
        _imagesPerUnit = Clamp(_rowsPerBlock / tileRows, 1, Max(1, g.Batch / 4));
        _blocks = (g.Batch * tileRows + _rowsPerBlock - 1) / _rowsPerBlock;
        _slices = _blocks < MinBlocks && _outputs >= 2 * kernel.Together ? 2 : 1;
        int blockTiles = (_rowsPerBlock * tileColumns + 7) / 8 * 8;
        // One vector of padding: at power-of-two distances the 36 points would compete for the same few cache lines.
        _inputStep = blockTiles * _inputs + V.Count;
        _productStep = blockTiles * _outputs + V.Count;
        int zeros = Max(WinogradTiles.RowLength(tileColumns, Window, _inputs), 2 * V.Count);
        _bias = Scratch.Rent(ScratchUse.Bias, _outputs + zeros);
        _zeros = _bias + _outputs;
        PackedWeights.PackBias(bias, _outputs, V.Count, _bias);
        new Span<float>(_zeros, zeros).Clear();
        _tiles = new WinogradTiles(source, height, width, _inputs, padTop, padLeft, Window, tileRows, tileColumns, _zeros);
    }

    /// <summary>Whether this algorithm handles the shape and is faster than the direct one, and the exact sum was not asked for.</summary>
    public static bool Suits(in Window2d g) =>
        !g.Exact && (g.KernelHeight, g.KernelWidth, g.StrideHeight, g.StrideWidth) == (3, 3, 1, 1) && g.PadHeight <= 2 && g.PadWidth <= 2
        && g.InChannels > 0 && g.OutChannels > 0 && g.InChannels % 16 == 0 && g.OutChannels % 16 == 0
        && Min(g.InHeight, g.OutHeight) >= Tile && Min(g.InWidth, g.OutWidth) >= Tile;

    /// <summary>y = x ∗ w + bias; see <see cref="Backend.Conv2d"/>.</summary>
    public static void Forward(float* x, WinogradKernel<V> kernel, float* bias, float* y, in Window2d g, Epilogue epilogue = default) =>
        new WinogradConvolution<V>(x, kernel, bias, y, g) { _epilogue = epilogue }.Run();

    /// <summary>The same, image by image: <paramref name="finish"/>(first, end) is called for images as soon as they are computed.</summary>
    /// <param name="together">First is a multiple of this, and so is end unless it is that of the batch.</param>
    /// <param name="norm">Normalizes x as it is read; or null.</param>
    public static void Forward(float* x, WinogradKernel<V> kernel, float* bias, float* y, in Window2d g, int together, Action<int, int>? finish,
        InputNorm<V>? norm = null) =>
        new WinogradConvolution<V>(x, kernel, bias, y, g, norm).Run(together, finish);

    /// <summary>See <see cref="Backend.Conv2dInputGradient"/>, or with <paramref name="add"/> <see cref="Backend.AddConv2dInputGradient"/>.</summary>
    public static void InputGradient(float* dy, float* weight, float* dx, in Window2d g, bool add = false) =>
        new WinogradConvolution<V>(dy, WinogradKernel<V>.OfGradient(weight, g), null, dx, g) { _epilogue = new Epilogue(add ? dx : null, relu: false) }.Run();

    /// <summary>The same, image by image: <paramref name="finish"/>(first, end) is called for images as soon as they are computed.</summary>
    /// <param name="together">First is a multiple of this, and so is end unless it is that of the batch.</param>
    /// <param name="read">What finish reads at the places of dx, to be fetched in time.</param>
    public static void InputGradient(float* dy, float* weight, float* dx, in Window2d g, int together, Action<int, int> finish, float* read) =>
        new WinogradConvolution<V>(dy, WinogradKernel<V>.OfGradient(weight, g), null, dx, g) { _read = read }.Run(together, finish);

    /// <summary>
    /// The same for a reader that needs each image only once: dx lies in the thread's own memory, which the next image overwrites and which thus
    /// stays in the cache.
    /// </summary>
    /// <param name="read">What the reader reads at the places of dx, to be fetched in time.</param>
    public static void InputGradient(float* dy, float* weight, in Window2d g, float* read, ImagesReader reader) =>
        new WinogradConvolution<V>(dy, WinogradKernel<V>.OfGradient(weight, g), null, null, g) { _read = read, _reader = reader }.Run(1, null);

    private void Run(int together, Action<int, int>? finish)
    {
        _finish = finish;
        _imagesPerUnit = (_imagesPerUnit + together - 1) / together * together;
        Workers.Run((_batch - 1) / _imagesPerUnit + 1, this, static (convolution, unit) => convolution.RunImages(unit));
    }

    private void Run()
    {
        if (_blocks == 0) return;
        Workers.Run(_slices * _blocks, this, static (c, chunk) =>
            c.RunBlock(chunk % c._blocks * c._rowsPerBlock, c._batch * c._tiles.Rows, chunk / c._blocks, c._slices, c._target));
    }

    /// <summary>Computes whole images, just enough to fill a block, and finishes them while they are in the cache.</summary>
    private void RunImages(int unit)
    {
        int first = unit * _imagesPerUnit, end = Min(first + _imagesPerUnit, _batch);
        nint imageSize = _targetHeight * _targetWidth * _outputs;
        float* own = _reader is null ? null : Scratch.Rent(ScratchUse.Gradient, (int)imageSize * (end - first));
        float* target = _reader is null ? _target : own - first * imageSize;
        for (int row = first * _tiles.Rows; row < end * _tiles.Rows; row += _rowsPerBlock) RunBlock(row, end * _tiles.Rows, 0, 1, target);
        _finish?.Invoke(first, end);
        _reader?.Invoke(first, end, own);
    }

    /// <summary>A block of rows of tiles, up to <paramref name="endRow"/> at most; rows are counted over all images.</summary>
    /// <param name="target">Where the outputs of the first image of the batch would be.</param>
    private void RunBlock(int firstRow, int endRow, int slice, int slices, float* target)
    {
        int together = _kernel.Together, units = _outputs / together;
        // A last single vector belongs to the last slice.
        int k = units * slice / slices * together, end = slice == slices - 1 ? _outputs : units * (slice + 1) / slices * together;
        float* weights = _kernel.Transformed(k / V.Count, end / V.Count);
        int rows = Min(_rowsPerBlock, endRow - firstRow), tiles = rows * _tiles.Columns;
        float* inputs = Scratch.Rent(ScratchUse.Transformed, GroupPoints * _inputStep);
        float* products = Scratch.Rent(ScratchUse.Products, Points * _productStep);
        float** pixels = stackalloc float*[rows * Window];
        _tiles.PixelRows(_inputNorm, firstRow, rows, pixels);
        var fetch = FetchOutputs(firstRow, rows, target, steps: WinogradPoints.Groups * (tiles + Steps(tiles, k, end)));
        for (int group = 0; group < WinogradPoints.Groups; group++)
        {
            for (int row = 0; row < rows; row++)
                WinogradInput<V>.Run(group, _tiles, pixels + row * Window, inputs + row * _tiles.Columns * _inputs, _inputStep, ref fetch);
            float* to = products + group * GroupPoints * _productStep;
            MultiplyPairs(inputs, _kernel.Pairs(weights, group), to, tiles, k, Min(end, _kernel.Paired), ref fetch);
            if (_kernel.Paired < end) MultiplySingle(inputs, _kernel.Single(weights, group), to + _kernel.Paired, tiles, ref fetch);
        }
        for (int row = 0; row < rows; row++) TransformOutputs(firstRow + row, products + row * _tiles.Columns * _outputs, k, end, target);
    }

    /// <summary>
    /// Fetches a block's outputs, to be written at its end, while the processor is busy with the rest: they are far from the cache where a layer is
    /// larger than it.
    /// </summary>
    private Fetch<V> FetchOutputs(int firstRow, int rows, float* target, int steps)
    {
        float* first = Target(target, firstRow, out _), last = Target(target, firstRow + rows - 1, out int height);
        int count = (int)(last - first) + height * _targetWidth * _outputs;
        float* read = _read == null ? null : _read + (first - target);
        return _reader is null ? new Fetch<V>(first, count, read, steps) : new Fetch<V>(read, count, null, steps);
    }

    /// <summary>How many register tiles the products of a group of points take.</summary>
    private int Steps(int tiles, int k, int end) =>
        (tiles + 7) / 8 * GroupPoints * ((Min(end, _kernel.Paired) - k) / _kernel.Together) + (_kernel.Paired < end ? (tiles + 3) / 4 : 0);

    /// <summary>Where the outputs of a row of tiles begin, and how many rows of pixels it has inside the image.</summary>
    private float* Target(float* target, int tileRow, out int height)
    {
        var (image, row) = (tileRow / _tiles.Rows, tileRow % _tiles.Rows);
        height = Min(Tile, _targetHeight - row * Tile);
        return target + ((nint)image * _targetHeight + row * Tile) * _targetWidth * _outputs;
    }

    /// <summary>products[point] = inputs[point] · weights[point] for a group of points: matrix products of tiles × inputs × outputs.</summary>
    private void MultiplyPairs(float* inputs, float* weights, float* products, int tiles, int first, int end, ref Fetch<V> fetch)
    {
        int perVector = _inputs * V.Count;
        for (int point = 0; point < GroupPoints; point++, inputs += _inputStep, weights += _kernel.Step, products += _productStep)
            for (int k = first; k < end; k += _kernel.Together)
                for (int tile = 0; tile < tiles; tile += 8)
                {
                    float* x = inputs + tile * _inputs, y = products + tile * _outputs + k;
                    if (V.HasManyRegisters) Tile8x2<V>.Run(x, 0, _inputs, 1, _inputs, weights + k * _inputs, perVector, _zeros, y, _outputs);
                    else Tile8x1<V>.Run(x, 0, _inputs, 1, _inputs, weights + k * _inputs, _zeros, y, _outputs);
                    fetch.Step();
                }
    }

    /// <summary>The same for a single vector of outputs, and the first pass of the output transform with it.</summary>
    private void MultiplySingle(float* inputs, float* weights, float* products, int tiles, ref Fetch<V> fetch)
    {
        for (int tile = 0; tile < tiles; tile += Tile4x6<V>.Tiles)
        {
            Tile4x6<V>.Run(inputs + tile * _inputs, _inputs, _inputStep, _inputs, weights, products + tile * _outputs, _outputs, _productStep,
                WinogradPoints.GroupRows);
            fetch.Step();
        }
    }

    private void TransformOutputs(int tileRow, float* from, int first, int end, float* target)
    {
        float* partial = Scratch.Rent(ScratchUse.Tile, Tile * Tile * V.Count), y = Target(target, tileRow, out int height);
        int yRow = _targetWidth * _outputs;
        for (int tile = 0; tile < _tiles.Columns; tile++, y += Tile * _outputs, from += _outputs)
        {
            int width = Min(Tile, _targetWidth - tile * Tile);
            bool whole = height == Tile && width == Tile;
            for (int k = first; k < end; k += V.Count)
            {
                float* to = whole ? y + k : partial;
                var (toRow, toStep) = whole ? (yRow, _outputs) : (Tile * V.Count, V.Count);
                float* added = _epilogue.Residual == null ? null : _epilogue.Residual + (y - target) + k;
                float* inTile = whole ? added : null;
                if (k < _kernel.Paired) WinogradOutput<V>.Run(from + k, _productStep, _bias + k, to, toRow, toStep, inTile, whole && _epilogue.Relu);
                else WinogradOutput<V>.Columns(from + k, _productStep, _bias + k, to, toRow, toStep, inTile, whole && _epilogue.Relu);
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
