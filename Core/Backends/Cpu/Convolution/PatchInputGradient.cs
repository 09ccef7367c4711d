namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// The input gradient of a convolution with few input channels, where a register of neighbouring channels would be mostly empty: for each
/// output pixel the gradient of its whole patch, R·S·C values, is one row of the product <c>dy [pixels, K] · W [K, R·S·C]</c>, and the
/// patches are added up where they overlap.
/// </summary>
internal sealed unsafe class PatchInputGradient<V> where V : unmanaged, ISimd<V>
{
    private const int Rows = MatMulTile<V>.Rows;

    private readonly float* _dy, _weights, _dx;
    private readonly Window2d _g;

    /// <summary>Values of a patch, filled up to whole tiles.</summary>
    private readonly int _stride;

    private PatchInputGradient(float* dy, float* weights, float* dx, in Window2d g)
    {
        _dy = dy;
        _weights = weights;
        _dx = dx;
        _g = g;
        int patch = g.KernelHeight * g.KernelWidth * g.InChannels;
        _stride = (patch + MatMulTile<V>.Columns - 1) / MatMulTile<V>.Columns * MatMulTile<V>.Columns;
    }

    /// <summary>Whether less than half a register would be used, and there is enough to multiply for the sums to be worth it.</summary>
    public static bool Suits(in Window2d g) =>
        2 * g.InChannels < V.Count && g.OutChannels >= 8 && g.KernelHeight * g.KernelWidth >= 9 && g.Batch > 0 && g.OutPixels > 0;

    public static void Run(float* dy, float* weight, float* dx, in Window2d g)
    {
        int width = MatMulTile<V>.Columns, patch = g.KernelHeight * g.KernelWidth * g.InChannels, panels = (patch + width - 1) / width;
        float* packed = Scratch.Rent(ScratchUse.Weights, panels * width * g.OutChannels);
        new Span<float>(packed, panels * width * g.OutChannels).Clear();
        int taps = g.KernelHeight * g.KernelWidth;
        for (int k = 0; k < g.OutChannels; k++)
            for (int c = 0; c < g.InChannels; c++)
                for (int tap = 0; tap < taps; tap++)
                {
                    // A patch lies as the image does: row by row, channels last.
                    int at = tap * g.InChannels + c;
                    packed[(at / width * g.OutChannels + k) * width + at % width] = weight[(k * g.InChannels + c) * taps + tap];
                }
        Workers.Run(g.Batch, new PatchInputGradient<V>(dy, packed, dx, g), static (gradient, image) => gradient.RunImage(image));
    }

    private void RunImage(int image)
    {
        int inputs = _g.InHeight * _g.InWidth * _g.InChannels;
        float* dx = _dx + (nint)image * inputs, dy = _dy + (nint)image * _g.OutPixels * _g.OutChannels;
        new Span<float>(dx, inputs).Clear();
        float* panel = Scratch.Rent(ScratchUse.Panels, Rows * _g.OutChannels), patches = Scratch.Rent(ScratchUse.Tile, Rows * _stride);
        for (int pixel = 0; pixel < _g.OutPixels; pixel += Rows)
        {
            int count = Math.Min(Rows, _g.OutPixels - pixel);
            var pixels = new ReadOnlySpan<float>(dy + (nint)pixel * _g.OutChannels, count * _g.OutChannels);
            var transposed = new Span<float>(panel, Rows * _g.OutChannels);
            if (count < Rows) transposed.Clear();
            Transpose.Tile(pixels, _g.OutChannels, transposed, Rows, 1, _g.OutChannels, count, add: false);
            new Span<float>(patches, Rows * _stride).Clear();
            for (int column = 0; column < _stride; column += MatMulTile<V>.Columns)
                MatMulTile<V>.Add(panel, _weights + (nint)column * _g.OutChannels, _g.OutChannels, patches + column, _stride, Rows, MatMulTile<V>.Columns);
            for (int i = 0; i < count; i++) AddPatch(patches + i * _stride, pixel + i, dx);
        }
    }

    /// <summary>Adds the part of a patch that is in the image, row by row.</summary>
    private void AddPatch(float* patch, int pixel, float* dx)
    {
        var (p, q) = Math.DivRem(pixel, _g.OutWidth);
        int top = p * _g.StrideHeight - _g.PadHeight, left = q * _g.StrideWidth - _g.PadWidth;
        int first = Math.Max(0, -left), end = Math.Min(_g.KernelWidth, _g.InWidth - left), count = (end - first) * _g.InChannels;
        if (count <= 0) return;
        for (int r = Math.Max(0, -top); r < Math.Min(_g.KernelHeight, _g.InHeight - top); r++)
        {
            float* from = patch + (r * _g.KernelWidth + first) * _g.InChannels;
            float* to = dx + (nint)((top + r) * _g.InWidth + left + first) * _g.InChannels;
            int i = 0;
            for (; i + V.Count <= count; i += V.Count) (V.Load(to + i) + V.Load(from + i)).Store(to + i);
            for (; i < count; i++) to[i] += from[i];
        }
    }
}
