using System.Numerics.Tensors;
using MiniDL.Memory;

namespace MiniDL.Backends.Cpu.Normalization;

/// <summary>
/// The gradients of <see cref="ChannelNorm{V}.Normalize"/>. A first pass over each chunk takes Σ g and Σ g·x̂ per channel, and
/// writes g where the residual wants it; a second one takes dx from the sums of the sample. Where a sample is one chunk, the
/// second pass follows at once, from the cache.
/// </summary>
/// <param name="mask">The output whose sign says where the activation let the gradient pass, or null.</param>
internal sealed unsafe class ChannelGradient<V>(Tensor dy, Tensor x, Tensor mean, Tensor variance, double eps, Tensor? weight,
    Tensor? mask, bool constant, Tensor? dx, Tensor? dresidual, NormGeometry g) where V : unmanaged, ISimd<V>
{
    private readonly ChannelChunks _chunks = new(g);
    private HostStorage<double> _sums = null!;

    public void Run(Tensor? dweight, Tensor? dbias, StoragePool pool)
    {
        _sums = (HostStorage<double>)pool.Rent(DType.F64, _chunks.Count * 2 * g.Channels);
        Workers.Run(_chunks.Count, dy.Count, this, static (gradient, chunk) => gradient.FirstPass(chunk));
        for (int chunk = 0; chunk < _chunks.Count; chunk++)
            if (FirstOfSample(chunk) is var first && first != chunk) TensorPrimitives.Add(Row(first), Row(chunk), Row(first));
        if (_chunks.PerSample > 1 && dx is not null)
            Workers.Run(_chunks.Count, this, static (gradient, chunk) => gradient.SecondPass(chunk));
        for (int sample = 1; sample < g.Samples; sample++) TensorPrimitives.Add(Row(0), Row(sample * _chunks.PerSample), Row(0));
        if (dbias is not null) TensorPrimitives.ConvertTruncating<double, float>(Row(0)[..g.Channels], dbias.Raw<float>());
        if (dweight is not null) TensorPrimitives.ConvertTruncating<double, float>(Row(0)[g.Channels..], dweight.Raw<float>());
        pool.Return(_sums);
    }

    private void FirstPass(int chunk)
    {
        Sums(chunk, Row(chunk));
        if (_chunks.PerSample == 1 && dx is not null) InputGradient(chunk, Row(chunk), dx);
    }

    private void SecondPass(int chunk) => InputGradient(chunk, Row(FirstOfSample(chunk)), dx!);

    /// <summary>Σ g and Σ g·x̂ of a chunk, per channel; of a sample's first chunk, later of the sample.</summary>
    private Span<double> Row(int chunk) => _sums.Span.Slice(chunk * 2 * g.Channels, 2 * g.Channels);

    private int FirstOfSample(int chunk) => chunk - chunk % _chunks.PerSample;

    private void Sums(int chunk, Span<double> row)
    {
        int lanes = _chunks.Lanes, sample = _chunks.Sample(chunk);
        float* means = Scratch.Rent(ScratchUse.Lanes, 3 * lanes + g.Channels), sum = means + lanes, product = sum + lanes;
        var perChannel = new Span<float>(product + lanes, g.Channels);
        Statistics.Means(mean, sample, g, perChannel);
        _chunks.Spread(perChannel, means);
        var (start, length) = _chunks.Values(chunk);
        fixed (float* from = dy.Span, output = Optional(mask), input = x.Span, passed = Optional(dresidual))
            ChannelKernels<V>.GradientSums(from + start, mask is null ? null : output + start, input + start, length, means,
                dresidual is null ? null : passed + start, sum, product, lanes);
        _chunks.Fold(sum, row[..g.Channels]);
        _chunks.Fold(product, row[g.Channels..]);
        Statistics.InverseStds(variance, eps, sample, g, perChannel);
        for (int c = 0; c < g.Channels; c++) row[g.Channels + c] *= perChannel[c];
    }

    private void InputGradient(int chunk, ReadOnlySpan<double> sampleSums, Tensor dx)
    {
        int lanes = _chunks.Lanes, sample = _chunks.Sample(chunk);
        float* means = Scratch.Rent(ScratchUse.Lanes, 4 * lanes + 3 * g.Channels), scales = means + lanes, slopes = scales + lanes, shifts = slopes + lanes;
        var scale = new Span<float>(shifts + lanes, g.Channels);
        Span<float> slope = new(shifts + lanes + g.Channels, g.Channels), shift = new(shifts + lanes + 2 * g.Channels, g.Channels);
        Statistics.Means(mean, sample, g, scale);
        _chunks.Spread(scale, means);
        Statistics.InverseStds(variance, eps, sample, g, scale);
        for (int group = 0; group < g.Groups; group++) GroupMeans(group, sampleSums, scale, slope, shift);
        _chunks.Spread(slope, slopes);
        _chunks.Spread(shift, shifts);
        if (weight is not null) TensorPrimitives.Multiply(scale, weight.Span, scale);
        _chunks.Spread(scale, scales);
        var (start, length) = _chunks.Values(chunk);
        // Where the first pass wrote g for the residual, the second reads it there, already masked.
        var (gradient, output) = dresidual is null ? (dy, mask) : (dresidual, null);
        fixed (float* from = gradient.Span, sign = Optional(output), input = x.Span, to = dx.Span)
            ChannelKernels<V>.Gradient(from + start, output is null ? null : sign + start, input + start, length, means, scales, slopes,
                shifts, to + start, lanes);
    }

    /// <summary>
    /// dx = (ĝ − mean(ĝ) − x̂·mean(ĝ·x̂))·invstd is linear in x − mean, with the slope −mean(ĝ·x̂)·invstd² and the shift
    /// −mean(ĝ)·invstd; both are 0 where the statistics are constants.
    /// </summary>
    private void GroupMeans(int group, ReadOnlySpan<double> sampleSums, ReadOnlySpan<float> invstd, Span<float> slope, Span<float> shift)
    {
        double sum = 0, product = 0;
        int start = group * g.ChannelsPerGroup, end = start + g.ChannelsPerGroup;
        for (int c = start; c < end && !constant; c++)
        {
            double w = weight is null ? 1 : weight.Span[c];
            sum += w * sampleSums[c];
            product += w * sampleSums[g.Channels + c];
        }
        double scale = invstd[start];
        slope[start..end].Fill((float)(-product / g.ValuesPerStatistic * scale * scale));
        shift[start..end].Fill((float)(-sum / g.ValuesPerStatistic * scale));
    }

    private static Span<float> Optional(Tensor? tensor) => tensor is null ? default : tensor.Raw<float>();
}
