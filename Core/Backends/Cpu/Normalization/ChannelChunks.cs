namespace MiniDL.Backends.Cpu.Normalization;

/// <summary>
/// How [samples, positions, channels] is cut for the channel kernels. A chunk is a run of positions of one sample that fits the
/// second-level cache. It is processed in rows of <see cref="Lanes"/> values, a multiple of both the channels and the
/// widest stripe of registers: lane l is then always channel l mod C, whatever the number of channels, and every load is full.
/// </summary>
internal readonly struct ChannelChunks
{
    /// <summary>Values per pass of a kernel's inner loop: four of the widest registers.</summary>
    public const int Stripe = 64;

    private const int ValuesPerChunk = 16 * 1024, LargestWholeSample = 32 * 1024;

    private readonly NormGeometry _geometry;

    public ChannelChunks(in NormGeometry g)
    {
        _geometry = g;
        bool whole = (long)g.Positions * g.Channels <= LargestWholeSample;
        PositionsPerChunk = whole ? g.Positions : Math.Max(1, ValuesPerChunk / g.Channels);
        PerSample = (g.Positions - 1) / PositionsPerChunk + 1;
        int stripes = (PositionsPerChunk * g.Channels - 1) / Stripe + 1;
        Lanes = Math.Min(Period(g.Channels), stripes * Stripe);
    }

    /// <summary>The period, in values, after which both the channel and the register repeat; shorter where a chunk is.</summary>
    public int Lanes { get; }

    /// <summary>The period whatever the number of values.</summary>
    public static int Period(int channels) => channels / GreatestCommonDivisor(channels, Stripe) * Stripe;

    /// <summary>Chunks per sample.</summary>
    public int PerSample { get; }

    /// <summary>Chunks in all.</summary>
    public int Count => _geometry.Samples * PerSample;

    /// <summary>Positions in every chunk but perhaps the last of a sample.</summary>
    public int PositionsPerChunk { get; }

    public int Sample(int chunk) => chunk / PerSample;

    /// <summary>The number of positions in a chunk.</summary>
    public int Positions(int chunk) =>
        Math.Min(PositionsPerChunk, _geometry.Positions - chunk % PerSample * PositionsPerChunk);

    /// <summary>The start and the number of a chunk's values.</summary>
    public (int Start, int Length) Values(int chunk) =>
        ((Sample(chunk) * _geometry.Positions + chunk % PerSample * PositionsPerChunk) * _geometry.Channels,
            Positions(chunk) * _geometry.Channels);

    /// <summary>Repeats one value per channel over the lanes.</summary>
    public unsafe void Spread(ReadOnlySpan<float> perChannel, float* lanes) => Spread(perChannel, lanes, Lanes);

    /// <inheritdoc cref="Spread(ReadOnlySpan{float}, float*)"/>
    public static unsafe void Spread(ReadOnlySpan<float> perChannel, float* lanes, int count)
    {
        var to = new Span<float>(lanes, count);
        for (int start = 0; start < to.Length; start += perChannel.Length)
            perChannel[..Math.Min(perChannel.Length, to.Length - start)].CopyTo(to[start..]);
    }

    /// <summary>Adds the lanes up to one sum per channel.</summary>
    public unsafe void Fold(float* lanes, Span<double> perChannel)
    {
        perChannel.Clear();
        for (int start = 0; start < Lanes; start += perChannel.Length)
            for (int c = 0; c < perChannel.Length && start + c < Lanes; c++) perChannel[c] += lanes[start + c];
    }

    private static int GreatestCommonDivisor(int a, int b) => b == 0 ? a : GreatestCommonDivisor(b, a % b);
}
