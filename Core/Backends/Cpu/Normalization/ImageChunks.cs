namespace MiniDL.Backends.Cpu.Normalization;

/// <summary>
/// The chunks of <see cref="ChannelChunks"/> that a run of images consists of, where their boundaries are boundaries of images: then a chunk can be
/// processed right after a convolution has computed its images, from the cache.
/// </summary>
internal readonly struct ImageChunks
{
    /// <summary>With fewer units of work it pays better to cut a convolution into smaller ones.</summary>
    private const int MinUnits = 4;

    private readonly NormGeometry _geometry;
    private readonly ChannelChunks _chunks;

    private ImageChunks(in NormGeometry geometry, int together)
    {
        (_geometry, _chunks, Together) = (geometry, new ChannelChunks(geometry), together);
    }

    /// <summary>The images that one chunk consists of; or 1, if an image is several.</summary>
    public int Together { get; }

    /// <summary>Whether every image is a sample and a chunk: then its statistics and gradients depend on no other.</summary>
    public bool AreSamples => _geometry.Samples > 1 && _chunks.PerSample == 1;

    /// <summary>Null if boundaries do not meet, or there are too few images for all threads.</summary>
    public static ImageChunks? Of(in NormGeometry geometry, in Window2d output) => Of(geometry, output.Batch, output.OutPixels);

    /// <param name="geometry">Of the normalization.</param>
    /// <param name="batch">The number of images.</param>
    /// <param name="pixels">Pixels of an image.</param>
    public static ImageChunks? Of(in NormGeometry geometry, int batch, int pixels)
    {
        if (batch == 0 || pixels <= 1 || geometry.Channels == 0) return null;
        int positions = new ChannelChunks(geometry).PositionsPerChunk, together = geometry.Samples == 1 ? positions / pixels : 1;
        bool meet = geometry.Samples == 1 ? together > 0 && together * pixels == positions : (geometry.Samples, geometry.Positions) == (batch, pixels);
        return meet && batch >= MinUnits * together ? new ImageChunks(geometry, together) : null;
    }

    /// <summary>The first chunk of these images and the end of their chunks.</summary>
    /// <param name="first">A multiple of <see cref="Together"/>.</param>
    /// <param name="end">A multiple too, or the end of the batch.</param>
    public (int First, int End) Of(int first, int end) => _geometry.Samples == 1
        ? (first / Together, (end - 1) / Together + 1)
        : (first * _chunks.PerSample, end * _chunks.PerSample);
}
