using MiniDL.Memory;

namespace MiniDL.Backends.Cpu.Normalization;

/// <summary>The statistics of a convolution's output, whose sums are taken of each image right after it is computed.</summary>
internal sealed class ImageMoments<V>(Tensor y, ChannelStatistics statistics, ImageChunks chunks, StoragePool pool) where V : unmanaged, ISimd<V>
{
    private readonly ChannelMoments<V> _moments = new(y, pool, statistics.Geometry);

    /// <summary>Takes the sums of images, or, where a sample is an image, their statistics.</summary>
    public void Add(int first, int end)
    {
        var (chunk, last) = chunks.Of(first, end);
        for (; chunk < last; chunk++) _moments.Add(chunk);
        if (statistics.Geometry.Samples == 1) return;
        for (int image = first; image < end; image++) _moments.CombineSample(image, statistics.Mean, statistics.Variance);
    }

    /// <summary>Call it once, after all images.</summary>
    public void Complete(StoragePool to)
    {
        if (statistics.Geometry.Samples == 1) _moments.CombineAll(statistics.Mean, statistics.Variance);
        _moments.Return(to);
    }
}
