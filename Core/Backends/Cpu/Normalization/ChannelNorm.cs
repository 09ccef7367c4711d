using System.Numerics.Tensors;
using MiniDL.Memory;

namespace MiniDL.Backends.Cpu.Normalization;

/// <summary>
/// Normalization of [samples, positions, channels] with registers along the channels.
/// </summary>
internal static unsafe class ChannelNorm<V> where V : unmanaged, ISimd<V>
{
    /// <summary>How many parameters of each lane <see cref="Spread"/> writes.</summary>
    public const int Parameters = 3;

    public static void Moments(Tensor x, Tensor mean, Tensor variance, StoragePool pool, NormGeometry g)
    {
        var moments = new ChannelMoments<V>(x, pool, g);
        var chunks = new ChannelChunks(g);
        Workers.Run(chunks.Count, x.Count, chunk =>
        {
            moments.Add(chunk);
            if (chunks.PerSample == 1) moments.CombineSample(chunk, mean, variance);
        });
        if (chunks.PerSample > 1) moments.CombineAll(mean, variance);
        moments.Return(pool);
    }

    public static void Normalize(Tensor x, NormArguments norm, Tensor y)
    {
        var chunks = new ChannelChunks(norm.Geometry);
        Workers.Run(chunks.Count, x.Count, chunk => NormalizeChunk(x, norm, y, chunks, chunk, statistic: chunks.Sample(chunk)));
    }

    /// <summary>
    /// The same for the images from <paramref name="image"/> to <paramref name="end"/>, in place and on this thread: run right after
    /// the convolution that has written them.
    /// </summary>
    /// <param name="y">The values to normalize, overwritten with the result.</param>
    /// <param name="norm">The normalization; a sample is an image.</param>
    /// <param name="moments">Computes the statistics; null if they are constants.</param>
    /// <param name="image">The first image.</param>
    /// <param name="end">The end of the images, exclusive.</param>
    public static void NormalizeImages(Tensor y, in NormArguments norm, ChannelMoments<V>? moments, int image, int end)
    {
        var g = norm.Geometry;
        var chunks = new ChannelChunks(g);
        for (; image < end; image++)
        {
            int first = image * chunks.PerSample, last = first + chunks.PerSample;
            if (moments is not null)
            {
                for (int chunk = first; chunk < last; chunk++) moments.Add(chunk);
                moments.CombineSample(image, norm.Mean, norm.Variance);
            }
            for (int chunk = first; chunk < last; chunk++) NormalizeChunk(y, norm, y, chunks, chunk, statistic: norm.Constant ? 0 : image);
        }
    }

    /// <summary>
    /// What the kernel needs to normalize a sample, one value per lane: the means, what x − mean is multiplied by, and what is added.
    /// </summary>
    /// <param name="to">Room for <see cref="Parameters"/> times as many values as there are lanes.</param>
    public static void Spread(in NormArguments norm, int sample, float* to, int lanes)
    {
        int channels = norm.Geometry.Channels;
        Span<float> perChannel = channels <= 256 ? stackalloc float[channels] : new float[channels];
        Statistics.Means(norm.Mean, sample, norm.Geometry, perChannel);
        ChannelChunks.Spread(perChannel, to, lanes);
        Statistics.InverseStds(norm.Variance, norm.Eps, sample, norm.Geometry, perChannel);
        if (norm.Weight is not null) TensorPrimitives.Multiply(perChannel, norm.Weight.Span, perChannel);
        ChannelChunks.Spread(perChannel, to + lanes, lanes);
        if (norm.Bias is null) new Span<float>(to + 2 * lanes, lanes).Clear();
        else ChannelChunks.Spread(norm.Bias.Span, to + 2 * lanes, lanes);
    }

    /// <param name="statistic">The sample whose statistics are used.</param>
    private static void NormalizeChunk(Tensor x, in NormArguments norm, Tensor y, in ChannelChunks chunks, int chunk, int statistic)
    {
        var residual = norm.Residual;
        int lanes = chunks.Lanes;
        float* means = Scratch.Rent(ScratchUse.Lanes, Parameters * lanes), scales = means + lanes, shifts = scales + lanes;
        Spread(norm, statistic, means, lanes);
        var (start, length) = chunks.Values(chunk);
        fixed (float* from = x.Span, added = residual is null ? default : residual.Span, to = y.Span)
            ChannelKernels<V>.Normalize(from + start, length, means, scales, shifts, residual is null ? null : added + start,
                norm.Activation == Activation.Relu, to + start, lanes);
    }
}
