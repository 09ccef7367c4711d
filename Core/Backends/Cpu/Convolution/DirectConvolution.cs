namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// A pass over a grid of taps. It computes the target pixels <c>(TargetRow + i·targetStep, TargetColumn + j·targetStep)</c> from the
/// windows of the padded source that start at <c>(SourceRow + i·sourceStep, SourceColumn + j·sourceStep)</c>.
/// </summary>
internal readonly record struct DirectPart(TapGrid Taps, int SourceRow, int SourceColumn,
    int TargetRow, int TargetColumn, int Rows, int Columns, int Weights);

/// <summary>
/// Direct convolution and its input gradient. Forward is one <see cref="DirectPart"/> whose windows move by the stride. The input
/// gradient is a convolution of dy with the flipped, transposed kernel; with a stride it is one such convolution for each residue class
/// of the input's pixels, using the taps that meet the class.
/// </summary>
/// <remarks>
/// A chunk of work is a band of rows of one image: the source is copied with its padding into scratch that fits the first-level
/// cache, then register tiles of pixels × output channels run over it. Tiles that extend past the end of a row or of the channels
/// are computed whole in scratch, and only the valid part is copied out.
/// </remarks>
internal sealed unsafe class DirectConvolution<V> where V : unmanaged, ISimd<V>
{
    private const int MaxTilePixels = 16, MaxTileVectors = 2, BandRows = 8;

    /// <summary>The largest packed weights, in values, of which each thread makes its own: fetching them from another's cache takes longer.</summary>
    private const int MaxOwn = 1 << 16;

    /// <summary>The convolution whose weights the thread's own memory holds.</summary>
    [ThreadStatic]
    private static DirectConvolution<V>? _held;

    private readonly float* _source, _target, _bias, _weight, _shared;
    private readonly Window2d _g;
    private readonly bool _gradient;
    private readonly int _packedSize;
    private readonly int _inputs, _outputs, _padTop, _padLeft;
    private readonly (int H, int W) _sourceStep, _targetStep;
    private readonly DirectPart[] _parts;
    private readonly int _bands, _bandRows, _rows, _columns;

    private DirectConvolution(float* source, float* weight, float* bias, float* target, in Window2d g, bool gradient)
    {
        _source = source;
        _target = target;
        _weight = weight;
        (_g, _gradient) = (g, gradient);
        (_inputs, _outputs) = gradient ? (g.OutChannels, g.InChannels) : (g.InChannels, g.OutChannels);
        var stride = (g.StrideHeight, g.StrideWidth);
        (_sourceStep, _targetStep) = gradient ? ((1, 1), stride) : (stride, (1, 1));
        (_padTop, _padLeft) = gradient
            ? ((g.KernelHeight - 1) / g.StrideHeight, (g.KernelWidth - 1) / g.StrideWidth)
            : (g.PadHeight, g.PadWidth);
        _parts = gradient ? GradientParts(g) : [ForwardPart(g)];
        foreach (var part in _parts)
        {
            _rows = Math.Max(_rows, part.Rows);
            _columns = Math.Max(_columns, part.SourceColumn + (part.Columns - 1) * _sourceStep.W + part.Taps.Columns);
        }
        _bandRows = Math.Min(_rows, BandRows);
        _bands = (_rows + _bandRows - 1) / _bandRows;

        int padded = PackedWeights.VectorsOf(_outputs, V.Count) * V.Count;
        _packedSize = PackedWeights.Size(_outputs, _inputs, g.KernelHeight * g.KernelWidth, V.Count);
        _bias = Scratch.Rent(ScratchUse.Bias, padded);
        PackedWeights.PackBias(bias, _outputs, V.Count, _bias);
        if (_packedSize <= MaxOwn) return;
        _shared = Scratch.Rent(ScratchUse.Weights, _packedSize);
        PackedWeights.Pack(_weight, _g, _gradient, _parts, V.Count, _shared);
    }

    /// <summary>The weights in the order in which this thread reads them.</summary>
    private float* Packed()
    {
        if (_shared != null) return _shared;
        float* own = Scratch.Rent(ScratchUse.Weights, _packedSize);
        if (ReferenceEquals(_held, this)) return own;
        PackedWeights.Pack(_weight, _g, _gradient, _parts, V.Count, own);
        _held = this;
        return own;
    }

    private (int Height, int Width) Source => _gradient ? (_g.OutHeight, _g.OutWidth) : (_g.InHeight, _g.InWidth);

    private (int Height, int Width) Target => _gradient ? (_g.InHeight, _g.InWidth) : (_g.OutHeight, _g.OutWidth);

    /// <summary>y = x ∗ w + bias; see <see cref="Backend.Conv2d"/>.</summary>
    public static void Forward(float* x, float* weight, float* bias, float* y, in Window2d g)
    {
        if (g.Batch == 0 || g.OutChannels == 0) return;
        var convolution = new DirectConvolution<V>(x, weight, bias, y, g, gradient: false);
        Workers.Run(g.Batch * convolution._bands, convolution, static (convolution, chunk) => convolution.RunChunk(chunk));
    }

    /// <summary>The same, image by image: <paramref name="finish"/>(first, end) is called for images as soon as they are computed.</summary>
    /// <param name="together">First is a multiple of this, and so is end unless it is that of the batch.</param>
    public static void Forward(float* x, float* weight, float* bias, float* y, in Window2d g, int together, Action<int, int> finish)
    {
        var convolution = new DirectConvolution<V>(x, weight, bias, y, g, gradient: false);
        int batch = g.Batch;
        Workers.Run((batch - 1) / together + 1, unit =>
        {
            int first = unit * together, end = Math.Min(first + together, batch);
            for (int chunk = first * convolution._bands; chunk < end * convolution._bands; chunk++) convolution.RunChunk(chunk);
            finish(first, end);
        });
    }

    /// <summary>See <see cref="Backend.Conv2dInputGradient"/>.</summary>
    public static void InputGradient(float* dy, float* weight, float* dx, in Window2d g)
    {
        if (g.Batch == 0 || g.InChannels == 0 || g.InHeight * g.InWidth == 0) return;
        var convolution = new DirectConvolution<V>(dy, weight, null, dx, g, gradient: true);
        Workers.Run(g.Batch * convolution._bands, convolution, static (convolution, chunk) => convolution.RunChunk(chunk));
    }

    private static DirectPart ForwardPart(in Window2d g) =>
        new(new TapGrid(g.KernelHeight, 0, 1, g.KernelWidth, 0, 1), 0, 0, 0, 0, g.OutHeight, g.OutWidth, 0);

    private static DirectPart[] GradientParts(in Window2d g)
    {
        var parts = new DirectPart[Math.Min(g.StrideHeight, g.InHeight) * Math.Min(g.StrideWidth, g.InWidth)];
        int next = 0, weights = 0;
        for (int a = 0; a < Math.Min(g.StrideHeight, g.InHeight); a++)
            for (int b = 0; b < Math.Min(g.StrideWidth, g.InWidth); b++)
            {
                var v = ResidueClass(a, g.InHeight, g.KernelHeight, g.StrideHeight, g.PadHeight);
                var h = ResidueClass(b, g.InWidth, g.KernelWidth, g.StrideWidth, g.PadWidth);
                var taps = new TapGrid(v.Taps, v.LastTap, -g.StrideHeight, h.Taps, h.LastTap, -g.StrideWidth);
                parts[next++] = new DirectPart(taps, v.Source, h.Source, a, b, v.Pixels, h.Pixels, weights);
                weights += PackedWeights.Size(g.InChannels, g.OutChannels, taps.Count, V.Count);
            }
        return parts;
    }

    /// <summary>
    /// In one dimension, the pixels h = a + stride·i. Pixel h meets output p at tap r if h + pad = stride·p + r. The taps are therefore
    /// those with r ≡ a + pad modulo the stride, and the largest of them meets the first output.
    /// </summary>
    private static (int Taps, int LastTap, int Source, int Pixels) ResidueClass(int a, int size, int kernel, int stride, int pad)
    {
        int first = (a + pad) % stride;
        int taps = first < kernel ? (kernel - 1 - first) / stride + 1 : 0;
        int padding = (kernel - 1) / stride;
        return (taps, first + stride * (taps - 1), (a + pad) / stride - (taps - 1) + padding, (size - 1 - a) / stride + 1);
    }

    private void RunChunk(int chunk)
    {
        int image = chunk / _bands, from = chunk % _bands * _bandRows, to = Math.Min(from + _bandRows, _rows);
        int first = int.MaxValue, last = 0;
        foreach (var part in _parts)
        {
            first = Math.Min(first, part.SourceRow + from * _sourceStep.H);
            last = Math.Max(last, part.SourceRow + (to - 1) * _sourceStep.H + part.Taps.Rows);
        }
        // Tiles that extend past the end of the last row read, but do not use, some values after it.
        int after = MaxTilePixels * _sourceStep.W * _inputs;
        float* source = Scratch.Rent(ScratchUse.Image, (last - first) * _columns * _inputs + after);
        PaddedRows.Copy(_source + (nint)image * Source.Height * Source.Width * _inputs, Source.Height, Source.Width, _inputs,
            first - _padTop, last - first, -_padLeft, _columns, source);
        float* packed = Packed(), target = _target + (nint)image * Target.Height * Target.Width * _outputs;
        foreach (var part in _parts)
            for (int vector = 0, vectors; vector * V.Count < _outputs; vector += vectors)
            {
                vectors = V.HasManyRegisters && (vector + 1) * V.Count < _outputs ? 2 : 1;
                for (int i = from; i < Math.Min(to, part.Rows); i++)
                    RunRow(part, vector, vectors, packed,
                        source + ((part.SourceRow + i * _sourceStep.H - first) * _columns + part.SourceColumn) * _inputs,
                        target + ((part.TargetRow + i * _targetStep.H) * Target.Width + part.TargetColumn) * _outputs);
            }
    }

    /// <summary>One row of target pixels, for one or two vectors of output channels.</summary>
    private void RunRow(in DirectPart part, int vector, int vectors, float* packed, float* source, float* target)
    {
        int perVector = part.Taps.Count * _inputs * V.Count, yStep = _targetStep.W * _outputs, tile;
        float* weights = packed + part.Weights + vector * perVector, bias = _bias + vector * V.Count;
        int channels = Math.Min(vectors * V.Count, _outputs - vector * V.Count);
        float* y = target + vector * V.Count;
        for (int j = 0; j < part.Columns; j += tile, y += tile * yStep)
        {
            tile = vectors == 1 && V.HasManyRegisters && part.Columns - j > 8 ? 16 : 8;
            int pixels = Math.Min(tile, part.Columns - j);
            bool whole = pixels == tile && channels == vectors * V.Count;
            float* to = whole ? y : Scratch.Rent(ScratchUse.Tile, MaxTilePixels * MaxTileVectors * V.Count);
            int step = whole ? yStep : vectors * V.Count;
            float* x = source + j * _sourceStep.W * _inputs;
            int row = _columns * _inputs, pixel = _sourceStep.W * _inputs, length = part.Taps.Columns * _inputs;
            if (vectors == 2) Tile8x2<V>.Run(x, row, pixel, part.Taps.Rows, length, weights, perVector, bias, to, step);
            else if (tile == 16) Tile16x1<V>.Run(x, row, pixel, part.Taps.Rows, length, weights, bias, to, step);
            else Tile8x1<V>.Run(x, row, pixel, part.Taps.Rows, length, weights, bias, to, step);
            if (!whole) StoreChannels(to, step, channels, pixels, y, yStep, row: part.Columns - j);
        }
    }

    /// <summary>
    /// Stores pixels of which only the first channels count. Where they follow each other without gaps, whole vectors are stored: what one
    /// leaves in the next pixels' places is overwritten by theirs.
    /// </summary>
    /// <param name="row">The pixels of the row that are left to store.</param>
    private static void StoreChannels(float* from, int step, int channels, int pixels, float* y, int yStep, int row)
    {
        for (int i = 0; i < pixels; i++, from += step, y += yStep)
            if (yStep == channels && step == V.Count && (row - i) * channels >= V.Count) V.Load(from).Store(y);
            else new ReadOnlySpan<float>(from, channels).CopyTo(new Span<float>(y, channels));
    }
}
