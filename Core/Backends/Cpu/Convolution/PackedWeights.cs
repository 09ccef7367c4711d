namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// Which weights a pass over taps reads, with or without a stride, and in which order: tap (u, v) is kernel row
/// <c>FirstRow + u·RowStep</c> and column <c>FirstColumn + v·ColumnStep</c>. Negative steps flip the kernel, as the input
/// gradient requires; steps beyond 1 pick the taps that meet one residue class of a strided convolution.
/// </summary>
internal readonly record struct TapGrid(int Rows, int FirstRow, int RowStep, int Columns, int FirstColumn, int ColumnStep)
{
    public int Count => Rows * Columns;
}

/// <summary>Weights [K, C, R, S] in the order in which the direct kernels read them.</summary>
internal static unsafe class PackedWeights
{
    /// <summary>How many values <see cref="Pack"/> writes.</summary>
    public static int Size(int outputs, int inputs, int taps, int lanes) => VectorsOf(outputs, lanes) * lanes * taps * inputs;

    public static int VectorsOf(int channels, int lanes) => (channels + lanes - 1) / lanes;

    /// <summary>
    /// packed[vector of outputs][tap][input][lane], with the last vector padded with zeros. <paramref name="transposed"/> swaps
    /// the roles of K and C: the input gradient has K channels in and C channels out.
    /// </summary>
    public static void Pack(float* weight, in Window2d g, bool transposed, in TapGrid grid, int lanes, float* packed)
    {
        int size = g.KernelHeight * g.KernelWidth;
        var (outputs, outputStep) = transposed ? (g.InChannels, size) : (g.OutChannels, g.InChannels * size);
        var (inputs, inputStep) = transposed ? (g.OutChannels, g.InChannels * size) : (g.InChannels, size);
        int perVector = grid.Count * inputs * lanes;
        for (int vector = 0; vector * lanes < outputs; vector++, packed += perVector)
            for (int lane = 0; lane < lanes; lane++)
            {
                int output = vector * lanes + lane;
                float* to = packed + lane;
                for (int u = 0; u < grid.Rows; u++)
                    for (int v = 0; v < grid.Columns; v++)
                    {
                        int tap = (grid.FirstRow + u * grid.RowStep) * g.KernelWidth + grid.FirstColumn + v * grid.ColumnStep;
                        float* from = weight + output * outputStep + tap;
                        for (int input = 0; input < inputs; input++, to += lanes)
                            *to = output < outputs ? from[input * inputStep] : 0;
                    }
            }
    }

    /// <summary>The bias, or zeros, padded to whole vectors.</summary>
    public static void PackBias(float* bias, int outputs, int lanes, float* packed)
    {
        int padded = VectorsOf(outputs, lanes) * lanes;
        for (int k = 0; k < padded; k++) packed[k] = bias is not null && k < outputs ? bias[k] : 0;
    }
}
