using System.Numerics.Tensors;
using MiniDL.Memory;

namespace MiniDL.Backends.Cpu.Normalization;

/// <summary>
/// The gradients of <see cref="ChannelNorm{V}.Normalize"/>. A first pass over each chunk computes Σ g and Σ g·x̂ per channel, and
/// writes g if the residual needs it; a second pass computes dx from the sums of the sample. If a sample is a single chunk, the
/// second pass follows immediately, from the cache.
/// </summary>
/// <remarks>
/// dx may be the memory of dy or of x.
/// <para>
/// Where a ReLU passed its input is computed again from x, which both passes read anyway; only if a residual was added, it is the sign of the
/// output y.
/// </para>
/// </remarks>
/// <param name="dy">Null if every chunk of it is given to <see cref="FirstPass(int, float*)"/>, which is possible where a sample is one chunk.</param>
internal sealed unsafe class ChannelGradient<V>(Tensor? dy, Tensor x, Tensor y, NormArguments norm, NormGradients d)
    where V : unmanaged, ISimd<V>
{
    private readonly Tensor? _mask = norm.Activation == Activation.Relu && norm.Residual is not null ? y : null;
    private readonly bool _computesMask = norm.Activation == Activation.Relu && norm.Residual is null;
    private readonly NormGeometry _g = norm.Geometry;
    private readonly ChannelChunks _chunks = new(norm.Geometry);
    private HostStorage<double> _sums = null!;

    public void Run(StoragePool pool)
    {
        Begin(pool);
        Workers.Run(_chunks.Count, x.Count, this, static (gradient, chunk) => gradient.FirstPass(chunk));
        Complete(pool);
    }

    /// <summary>Call it first; then <see cref="FirstPass(int)"/> for every chunk, in any order and on any threads, then <see cref="Complete"/>.</summary>
    public void Begin(StoragePool pool) => _sums = (HostStorage<double>)pool.Rent(DType.F64, _chunks.Count * 2 * _g.Channels);

    /// <summary>Adds up the chunks' sums and runs what passes are left.</summary>
    public void Complete(StoragePool pool)
    {
        for (int chunk = 0; chunk < _chunks.Count; chunk++)
            if (FirstOfSample(chunk) is var first && first != chunk) TensorPrimitives.Add(Row(first), Row(chunk), Row(first));
        if (_chunks.PerSample > 1 && d.X is not null)
            Workers.Run(_chunks.Count, this, static (gradient, chunk) => gradient.SecondPass(chunk));
        for (int sample = 1; sample < _g.Samples; sample++) TensorPrimitives.Add(Row(0), Row(sample * _chunks.PerSample), Row(0));
        if (d.Bias is not null) TensorPrimitives.ConvertTruncating<double, float>(Row(0)[.._g.Channels], d.Bias.Raw<float>());
        if (d.Weight is not null) TensorPrimitives.ConvertTruncating<double, float>(Row(0)[_g.Channels..], d.Weight.Raw<float>());
        pool.Return(_sums);
    }

    /// <summary>The sums of a chunk; if it is a whole sample, its dx as well.</summary>
    public void FirstPass(int chunk)
    {
        fixed (float* gradients = dy!.Span) FirstPass(chunk, gradients + _chunks.Values(chunk).Start);
    }

    /// <inheritdoc cref="FirstPass(int)"/>
    /// <param name="gradients">The chunk's values of dy, wherever they are.</param>
    public void FirstPass(int chunk, float* gradients)
    {
        Sums(chunk, gradients, Row(chunk));
        if (_chunks.PerSample == 1 && d.X is not null) InputGradient(chunk, gradients, Row(chunk), d.X);
    }

    private void SecondPass(int chunk)
    {
        fixed (float* gradients = dy!.Span) InputGradient(chunk, gradients + _chunks.Values(chunk).Start, Row(FirstOfSample(chunk)), d.X!);
    }

    /// <summary>Σ g and Σ g·x̂ of a chunk, per channel; the row of a sample's first chunk later holds those of the sample.</summary>
    private Span<double> Row(int chunk) => _sums.Span.Slice(chunk * 2 * _g.Channels, 2 * _g.Channels);

    private int FirstOfSample(int chunk) => chunk - chunk % _chunks.PerSample;

    private void Sums(int chunk, float* gradients, Span<double> row)
    {
        int lanes = _chunks.Lanes, sample = _chunks.Sample(chunk);
        float* means = Scratch.Rent(ScratchUse.Lanes, 5 * lanes + _g.Channels), sum = means + lanes, product = sum + lanes;
        float* scales = product + lanes, biases = scales + lanes;
        var perChannel = new Span<float>(biases + lanes, _g.Channels);
        Statistics.Means(norm.Mean, sample, _g, perChannel);
        _chunks.Spread(perChannel, means);
        if (_computesMask)
        {
            Scales(sample, perChannel);
            _chunks.Spread(perChannel, scales);
            Biases(biases);
        }
        var (start, length) = _chunks.Values(chunk);
        fixed (float* output = Optional(_mask), input = x.Span, passed = Optional(d.Residual))
            ChannelKernels<V>.GradientSums(gradients, _mask is null ? null : output + start, input + start, length, means,
                _computesMask ? scales : null, biases, d.Residual is null ? null : passed + start, sum, product, lanes);
        _chunks.Fold(sum, row[.._g.Channels]);
        _chunks.Fold(product, row[_g.Channels..]);
        Statistics.InverseStds(norm.Variance, norm.Eps, sample, _g, perChannel);
        for (int c = 0; c < _g.Channels; c++) row[_g.Channels + c] *= perChannel[c];
    }

    private void InputGradient(int chunk, float* gradients, ReadOnlySpan<double> sampleSums, Tensor dx)
    {
        int lanes = _chunks.Lanes, sample = _chunks.Sample(chunk);
        float* means = Scratch.Rent(ScratchUse.Lanes, 5 * lanes + 3 * _g.Channels), scales = means + lanes, slopes = scales + lanes, shifts = slopes + lanes;
        float* biases = shifts + lanes;
        var scale = new Span<float>(biases + lanes, _g.Channels);
        Span<float> slope = new(biases + lanes + _g.Channels, _g.Channels), shift = new(biases + lanes + 2 * _g.Channels, _g.Channels);
        Statistics.Means(norm.Mean, sample, _g, scale);
        _chunks.Spread(scale, means);
        Statistics.InverseStds(norm.Variance, norm.Eps, sample, _g, scale);
        for (int group = 0; group < _g.Groups; group++) GroupMeans(group, sampleSums, scale, slope, shift);
        _chunks.Spread(slope, slopes);
        _chunks.Spread(shift, shifts);
        Scales(sample, scale);
        _chunks.Spread(scale, scales);
        if (_computesMask) Biases(biases);
        var (start, length) = _chunks.Values(chunk);
        // If the first pass wrote g for the residual, the second reads it from there, already masked.
        var mask = d.Residual is null ? _mask : null;
        fixed (float* passed = Optional(d.Residual), sign = Optional(mask), input = x.Span, to = dx.Span)
            ChannelKernels<V>.Gradient(d.Residual is null ? gradients : passed + start, mask is null ? null : sign + start, input + start, length, means, scales,
                _computesMask ? biases : null, slopes, shifts, to + start, lanes);
    }

    /// <summary>What x − mean is multiplied by, per channel.</summary>
    private void Scales(int sample, Span<float> scales)
    {
        Statistics.InverseStds(norm.Variance, norm.Eps, sample, _g, scales);
        if (norm.Weight is not null) TensorPrimitives.Multiply(scales, norm.Weight.Span, scales);
    }

    private void Biases(float* biases)
    {
        if (norm.Bias is null) new Span<float>(biases, _chunks.Lanes).Clear();
        else _chunks.Spread(norm.Bias.Span, biases);
    }

    /// <summary>
    /// dx = (ĝ − mean(ĝ) − x̂·mean(ĝ·x̂))·invstd is linear in x − mean, with the slope −mean(ĝ·x̂)·invstd² and the shift
    /// −mean(ĝ)·invstd; both are 0 where the statistics are constants.
    /// </summary>
    private void GroupMeans(int group, ReadOnlySpan<double> sampleSums, ReadOnlySpan<float> invstd, Span<float> slope, Span<float> shift)
    {
        double sum = 0, product = 0;
        int start = group * _g.ChannelsPerGroup, end = start + _g.ChannelsPerGroup;
        for (int c = start; c < end && !norm.Constant; c++)
        {
            double w = norm.Weight is null ? 1 : norm.Weight.Span[c];
            sum += w * sampleSums[c];
            product += w * sampleSums[_g.Channels + c];
        }
        double scale = invstd[start];
        slope[start..end].Fill((float)(-product / _g.ValuesPerStatistic * scale * scale));
        shift[start..end].Fill((float)(-sum / _g.ValuesPerStatistic * scale));
    }

    private static Span<float> Optional(Tensor? tensor) => tensor is null ? default : tensor.Raw<float>();
}
