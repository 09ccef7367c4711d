namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// Which weights a pass over taps reads, with or without a stride, and in which order: tap (u, v) is kernel row
/// <c>FirstRow + u·RowStep</c> and column <c>FirstColumn + v·ColumnStep</c>. Negative steps flip the kernel, as the input
/// gradient requires; steps beyond 1 pick the taps that meet one residue class of a strided convolution.
/// </summary>
internal readonly record struct TapGrid(int Rows, int FirstRow, int RowStep, int Columns, int FirstColumn, int ColumnStep)
{
    public int Count => Rows * Columns;

    /// <summary>Where a tap is in a kernel of this width.</summary>
    public int At(int u, int v, int kernelWidth) => (FirstRow + u * RowStep) * kernelWidth + FirstColumn + v * ColumnStep;
}

/// <summary>Weights [K, C, R, S] in the order in which the direct kernels read them.</summary>
internal static unsafe class PackedWeights
{
    /// <summary>How many values are transposed together, within the first-level cache.</summary>
    private const int MaxTransposed = 4096;

    /// <summary>How many values <see cref="Pack"/> writes.</summary>
    public static int Size(int outputs, int inputs, int taps, int lanes) => VectorsOf(outputs, lanes) * lanes * taps * inputs;

    public static int VectorsOf(int channels, int lanes) => (channels + lanes - 1) / lanes;

    /// <summary>
    /// For each part packed[vector of outputs][tap][input][lane], with the last vector padded with zeros. <paramref name="transposed"/> swaps
    /// the roles of K and C: the input gradient has K channels in and C channels out.
    /// </summary>
    public static void Pack(float* weight, in Window2d g, bool transposed, DirectPart[] parts, int lanes, float* packed)
    {
        int size = g.KernelHeight * g.KernelWidth;
        var (outputs, outputStep) = transposed ? (g.InChannels, size) : (g.OutChannels, g.InChannels * size);
        var (inputs, inputStep) = transposed ? (g.OutChannels, g.InChannels * size) : (g.InChannels, size);
        int together = MaxTransposed / (size * lanes);
        for (int vector = 0; vector * lanes < outputs; vector++)
        {
            float* from = weight + vector * lanes * outputStep;
            if ((vector + 1) * lanes > outputs || together == 0)
                foreach (var part in parts) PackOneByOne(from, outputStep, outputs - vector * lanes, inputs, inputStep, part, vector, lanes, g.KernelWidth, packed);
            else
                for (int input = 0; input < inputs; input += together)
                    PackTransposed(from + input * inputStep, outputStep, inputStep, size, input, Math.Min(together, inputs - input), inputs, parts, vector, lanes,
                        g.KernelWidth, packed);
        }
    }

    /// <summary>One vector of outputs, of which the first <paramref name="valid"/> exist.</summary>
    private static void PackOneByOne(float* from, int outputStep, int valid, int inputs, int inputStep, in DirectPart part, int vector, int lanes,
        int kernelWidth, float* packed)
    {
        for (int lane = 0; lane < lanes; lane++)
        {
            float* to = packed + part.Weights + vector * part.Taps.Count * inputs * lanes + lane;
            for (int u = 0; u < part.Taps.Rows; u++)
                for (int v = 0; v < part.Taps.Columns; v++)
                    for (int input = 0; input < inputs; input++, to += lanes)
                        *to = lane < valid ? from[lane * outputStep + part.Taps.At(u, v, kernelWidth) + input * inputStep] : 0;
        }
    }

    /// <summary>
    /// <paramref name="count"/> inputs of one vector of outputs: all taps are transposed to [input][tap][lane], then those of each part copied, a
    /// vector at a time.
    /// </summary>
    private static void PackTransposed(float* from, int outputStep, int inputStep, int size, int first, int count, int inputs, DirectPart[] parts,
        int vector, int lanes, int kernelWidth, float* packed)
    {
        float* all = stackalloc float[MaxTransposed];
        var (runs, run) = inputStep == size ? (1, count * size) : (count, size);
        for (int i = 0; i < runs; i++)
            Transpose.Tile(new ReadOnlySpan<float>(from + i * inputStep, (lanes - 1) * outputStep + run), outputStep,
                new Span<float>(all + i * run * lanes, run * lanes), lanes, 1, run, lanes, add: false);
        foreach (var part in parts)
        {
            float* to = packed + part.Weights + (vector * part.Taps.Count * inputs + first) * lanes;
            for (int u = 0; u < part.Taps.Rows; u++)
                for (int v = 0; v < part.Taps.Columns; v++, to += inputs * lanes)
                    for (int i = 0; i < count; i++)
                        new ReadOnlySpan<float>(all + (i * size + part.Taps.At(u, v, kernelWidth)) * lanes, lanes).CopyTo(new Span<float>(to + i * lanes, lanes));
        }
    }

    /// <summary>The bias, or zeros, padded to whole vectors.</summary>
    public static void PackBias(float* bias, int outputs, int lanes, float* packed)
    {
        int padded = VectorsOf(outputs, lanes) * lanes;
        for (int k = 0; k < padded; k++) packed[k] = bias is not null && k < outputs ? bias[k] : 0;
    }
}
