using System.Numerics.Tensors;
using MiniDL.Memory;

namespace MiniDL.Backends.Cpu.Normalization;

/// <summary>
/// Normalization of [samples, positions, channels] with registers along the channels: sums are taken per channel and chunk, then
/// combined in double, in the order of the chunks, over the chunks of a sample and the channels of a group.
/// </summary>
internal static unsafe class ChannelNorm<V> where V : unmanaged, ISimd<V>
{
    /// <summary>
    /// Each chunk's sums are centred on its own mean m, found by a first pass over it; with e = Σ (x − m) and q = Σ (x − m)², it
    /// contributes n·m + e to the mean and q − e²/n + n·(m + e/n − mean)² to the variance (Chan, Golub and LeVeque 1983).
    /// </summary>
    public static void Moments(Tensor x, Tensor mean, Tensor variance, StoragePool pool, NormGeometry g)
    {
        var chunks = new ChannelChunks(g);
        var sums = (HostStorage<double>)pool.Rent(DType.F64, chunks.Count * 3 * g.Channels);
        Workers.Run(chunks.Count, x.Count, chunk =>
        {
            ChunkSums(x, chunk, chunks, sums.Span.Slice(chunk * 3 * g.Channels, 3 * g.Channels));
            if (chunks.PerSample == 1)
                for (int group = 0; group < g.Groups; group++) Combine(sums, chunk, group, chunks, mean, variance, g);
        });
        if (chunks.PerSample > 1)
            for (int s = 0; s < g.Statistics; s++) Combine(sums, s / g.Groups, s % g.Groups, chunks, mean, variance, g);
        pool.Return(sums);
    }

    /// <summary>Per channel of the chunk: m, e and q.</summary>
    private static void ChunkSums(Tensor x, int chunk, in ChannelChunks chunks, Span<double> sums)
    {
        int channels = sums.Length / 3, lanes = chunks.Lanes, positions = chunks.Positions(chunk);
        var (start, length) = chunks.Values(chunk);
        float* centre = Scratch.Rent(ScratchUse.Lanes, 3 * lanes + channels), e = centre + lanes, q = e + lanes;
        var perChannel = new Span<float>(q + lanes, channels);
        fixed (float* values = x.Span.Slice(start, length))
        {
            // First centred on the first position, so that a mean far from zero costs no digits; then on the chunk's own mean.
            new ReadOnlySpan<float>(values, channels).CopyTo(perChannel);
            for (int pass = 0; pass < 2; pass++)
            {
                chunks.Spread(perChannel, centre);
                ChannelKernels<V>.CentredSums(values, length, centre, e, q, lanes);
                chunks.Fold(e, sums.Slice(channels, channels));
                if (pass == 1) break;
                for (int c = 0; c < channels; c++) perChannel[c] += (float)(sums[channels + c] / positions);
            }
        }
        chunks.Fold(q, sums[(2 * channels)..]);
        for (int c = 0; c < channels; c++) sums[c] = perChannel[c];
    }

    private static void Combine(HostStorage<double> sums, int sample, int group, in ChannelChunks chunks, Tensor mean, Tensor variance, in NormGeometry g)
    {
        var s = sums.Span;
        int first = sample * chunks.PerSample, last = first + chunks.PerSample, channels = g.ChannelsPerGroup;
        double total = 0, squares = 0;
        for (int chunk = first; chunk < last; chunk++)
            for (int c = group * channels; c < (group + 1) * channels; c++)
            {
                int m = chunk * 3 * g.Channels + c, e = m + g.Channels;
                total += chunks.Positions(chunk) * s[m] + s[e];
            }
        double average = total / g.ValuesPerStatistic;
        for (int chunk = first; chunk < last; chunk++)
            for (int c = group * channels; c < (group + 1) * channels; c++)
            {
                int m = chunk * 3 * g.Channels + c, e = m + g.Channels, q = e + g.Channels, n = chunks.Positions(chunk);
                double apart = s[m] + s[e] / n - average;
                squares += s[q] - s[e] * s[e] / n + n * apart * apart;
            }
        mean.Raw<float>()[sample * g.Groups + group] = (float)average;
        variance.Raw<float>()[sample * g.Groups + group] = (float)(squares / g.ValuesPerStatistic);
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
    /// <param name="sums">Space for 3 sums per channel and chunk; null if the statistics are constants.</param>
    /// <param name="image">The first image.</param>
    /// <param name="end">The end of the images, exclusive.</param>
    public static void NormalizeImages(Tensor y, in NormArguments norm, HostStorage<double>? sums, int image, int end)
    {
        var g = norm.Geometry;
        var chunks = new ChannelChunks(g);
        for (; image < end; image++)
        {
            int first = image * chunks.PerSample, last = first + chunks.PerSample;
            if (sums is not null)
            {
                for (int chunk = first; chunk < last; chunk++)
                    ChunkSums(y, chunk, chunks, sums.Span.Slice(chunk * 3 * g.Channels, 3 * g.Channels));
                for (int group = 0; group < g.Groups; group++) Combine(sums, image, group, chunks, norm.Mean, norm.Variance, g);
            }
            for (int chunk = first; chunk < last; chunk++) NormalizeChunk(y, norm, y, chunks, chunk, statistic: norm.Constant ? 0 : image);
        }
    }

    /// <param name="statistic">The sample whose statistics are used.</param>
    private static void NormalizeChunk(Tensor x, in NormArguments norm, Tensor y, in ChannelChunks chunks, int chunk, int statistic)
    {
        var g = norm.Geometry;
        var (weight, bias, residual) = (norm.Weight, norm.Bias, norm.Residual);
        int lanes = chunks.Lanes;
        float* means = Scratch.Rent(ScratchUse.Lanes, 3 * lanes + g.Channels), scales = means + lanes, shifts = scales + lanes;
        var perChannel = new Span<float>(shifts + lanes, g.Channels);
        Statistics.Means(norm.Mean, statistic, g, perChannel);
        chunks.Spread(perChannel, means);
        Statistics.InverseStds(norm.Variance, norm.Eps, statistic, g, perChannel);
        if (weight is not null) TensorPrimitives.Multiply(perChannel, weight.Span, perChannel);
        chunks.Spread(perChannel, scales);
        if (bias is null) new Span<float>(shifts, lanes).Clear();
        else chunks.Spread(bias.Span, shifts);
        var (start, length) = chunks.Values(chunk);
        fixed (float* from = x.Span, added = residual is null ? default : residual.Span, to = y.Span)
            ChannelKernels<V>.Normalize(from + start, length, means, scales, shifts, residual is null ? null : added + start,
                norm.Activation == Activation.Relu, to + start, lanes);
    }
}
