using MiniDL.Memory;

namespace MiniDL.Backends.Cpu.Normalization;

/// <summary>
/// Mean and variance of [samples, positions, channels]: sums are taken per channel and chunk, in any order of the chunks and on any threads,
/// then combined in double, in the order of the chunks, over the chunks of a sample and the channels of a group.
/// </summary>
/// <remarks>
/// Each chunk's sums are centred on its own mean m, found by a first pass over it; with e = Σ (x − m) and q = Σ (x − m)², it
/// contributes n·m + e to the mean and q − e²/n + n·(m + e/n − mean)² to the variance (Chan, Golub and LeVeque 1983).
/// </remarks>
internal sealed unsafe class ChannelMoments<V>(Tensor x, StoragePool pool, NormGeometry g) where V : unmanaged, ISimd<V>
{
    private readonly ChannelChunks _chunks = new(g);
    private readonly HostStorage<double> _sums = (HostStorage<double>)pool.Rent(DType.F64, new ChannelChunks(g).Count * 3 * g.Channels);

    /// <summary>Takes the sums of a chunk, per channel: m, e and q.</summary>
    public void Add(int chunk)
    {
        int channels = g.Channels, lanes = _chunks.Lanes, positions = _chunks.Positions(chunk);
        var sums = _sums.Span.Slice(chunk * 3 * channels, 3 * channels);
        var (start, length) = _chunks.Values(chunk);
        float* centre = Scratch.Rent(ScratchUse.Lanes, 3 * lanes + channels), e = centre + lanes, q = e + lanes;
        var perChannel = new Span<float>(q + lanes, channels);
        fixed (float* values = x.Span.Slice(start, length))
        {
            // First centred on the first position, so that a mean far from zero costs no digits; then on the chunk's own mean.
            new ReadOnlySpan<float>(values, channels).CopyTo(perChannel);
            for (int pass = 0; pass < 2; pass++)
            {
                _chunks.Spread(perChannel, centre);
                ChannelKernels<V>.CentredSums(values, length, centre, e, q, lanes);
                _chunks.Fold(e, sums.Slice(channels, channels));
                if (pass == 1) break;
                for (int c = 0; c < channels; c++) perChannel[c] += (float)(sums[channels + c] / positions);
            }
        }
        _chunks.Fold(q, sums[(2 * channels)..]);
        for (int c = 0; c < channels; c++) sums[c] = perChannel[c];
    }

    /// <summary>The statistics of a sample whose chunks have all been added.</summary>
    public void CombineSample(int sample, Tensor mean, Tensor variance)
    {
        for (int group = 0; group < g.Groups; group++) Combine(sample, group, mean, variance);
    }

    /// <summary>The statistics of all samples.</summary>
    public void CombineAll(Tensor mean, Tensor variance)
    {
        for (int sample = 0; sample < g.Samples; sample++) CombineSample(sample, mean, variance);
    }

    /// <summary>Gives the memory of the sums back.</summary>
    public void Return(StoragePool to) => to.Return(_sums);

    private void Combine(int sample, int group, Tensor mean, Tensor variance)
    {
        var s = _sums.Span;
        int first = sample * _chunks.PerSample, last = first + _chunks.PerSample, channels = g.ChannelsPerGroup;
        double total = 0, squares = 0;
        for (int chunk = first; chunk < last; chunk++)
            for (int c = group * channels; c < (group + 1) * channels; c++)
            {
                int m = chunk * 3 * g.Channels + c, e = m + g.Channels;
                total += _chunks.Positions(chunk) * s[m] + s[e];
            }
        double average = total / g.ValuesPerStatistic;
        for (int chunk = first; chunk < last; chunk++)
            for (int c = group * channels; c < (group + 1) * channels; c++)
            {
                int m = chunk * 3 * g.Channels + c, e = m + g.Channels, q = e + g.Channels, n = _chunks.Positions(chunk);
                double apart = s[m] + s[e] / n - average;
                squares += s[q] - s[e] * s[e] / n + n * apart * apart;
            }
        mean.Raw<float>()[sample * g.Groups + group] = (float)average;
        variance.Raw<float>()[sample * g.Groups + group] = (float)(squares / g.ValuesPerStatistic);
    }
}
