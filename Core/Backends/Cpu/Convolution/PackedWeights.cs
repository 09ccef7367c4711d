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
        var weights = transposed
            ? new Strided(weight, g.InChannels, 1, g.OutChannels, g.InChannels, g)
            : new Strided(weight, g.OutChannels, g.InChannels, g.InChannels, 1, g);
        int together = MaxTransposed / (weights.Size * lanes);
        for (int vector = 0; vector * lanes < weights.Outputs; vector++)
        {
            if ((vector + 1) * lanes > weights.Outputs || together == 0)
                foreach (var part in parts) PackOneByOne(weights, part, vector, lanes, packed);
            else
                for (int input = 0; input < weights.Inputs; input += together)
                    PackTransposed(weights, parts, vector, input, Math.Min(together, weights.Inputs - input), lanes, packed);
        }
    }

    /// <summary>Weights whose kernels, of <see cref="Size"/> values each, are some steps apart: the two ways to call their channels inputs and outputs.</summary>
    private readonly struct Strided(float* weight, int outputs, int kernelsPerOutput, int inputs, int kernelsPerInput, in Window2d g)
    {
        private readonly float* _weight = weight;

        public int Outputs { get; } = outputs;

        public int Inputs { get; } = inputs;

        public int KernelWidth { get; } = g.KernelWidth;

        public int Size { get; } = g.KernelHeight * g.KernelWidth;

        public int OutputStep => kernelsPerOutput * Size;

        public int InputStep => kernelsPerInput * Size;

        public float* At(int output, int input) => _weight + output * OutputStep + input * InputStep;
    }

    /// <summary>One vector of outputs, of which the last lanes may not exist.</summary>
    private static void PackOneByOne(in Strided weights, in DirectPart part, int vector, int lanes, float* packed)
    {
        for (int lane = 0; lane < lanes; lane++)
        {
            int output = vector * lanes + lane;
            float* to = packed + part.Weights + vector * part.Taps.Count * weights.Inputs * lanes + lane;
            for (int u = 0; u < part.Taps.Rows; u++)
                for (int v = 0; v < part.Taps.Columns; v++)
                    for (int input = 0; input < weights.Inputs; input++, to += lanes)
                        *to = output < weights.Outputs ? weights.At(output, input)[part.Taps.At(u, v, weights.KernelWidth)] : 0;
        }
    }

    /// <summary>
    /// <paramref name="count"/> inputs of one vector of outputs: all taps are transposed to [input][tap][lane], then those of each part copied, a
    /// vector at a time.
    /// </summary>
    private static void PackTransposed(in Strided weights, DirectPart[] parts, int vector, int first, int count, int lanes, float* packed)
    {
        float* all = stackalloc float[MaxTransposed];
        // The kernels of neighbouring inputs may follow each other; then they are one run.
        var (runs, run) = weights.InputStep == weights.Size ? (1, count * weights.Size) : (count, weights.Size);
        for (int i = 0; i < runs; i++)
            Transpose.Tile(new ReadOnlySpan<float>(weights.At(vector * lanes, first + i), (lanes - 1) * weights.OutputStep + run), weights.OutputStep,
                new Span<float>(all + i * run * lanes, run * lanes), lanes, 1, run, lanes, add: false);
        foreach (var part in parts)
        {
            float* to = packed + part.Weights + (vector * part.Taps.Count * weights.Inputs + first) * lanes;
            for (int u = 0; u < part.Taps.Rows; u++)
                for (int v = 0; v < part.Taps.Columns; v++, to += weights.Inputs * lanes)
                    for (int i = 0; i < count; i++)
                        new ReadOnlySpan<float>(all + (i * weights.Size + part.Taps.At(u, v, weights.KernelWidth)) * lanes, lanes)
                            .CopyTo(new Span<float>(to + i * lanes, lanes));
        }
    }

    /// <summary>The bias, or zeros, padded to whole vectors.</summary>
    public static void PackBias(float* bias, int outputs, int lanes, float* packed)
    {
        int padded = VectorsOf(outputs, lanes) * lanes;
        for (int k = 0; k < padded; k++) packed[k] = bias is not null && k < outputs ? bias[k] : 0;
    }
}
