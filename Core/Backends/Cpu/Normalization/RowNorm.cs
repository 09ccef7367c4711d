using System.Numerics.Tensors;
using MiniDL.Memory;

namespace MiniDL.Backends.Cpu.Normalization;

/// <summary>
/// Normalization of samples with one position, whose groups are contiguous runs of values: LayerNorm, and GroupNorm of vectors.
/// Registers hold neighbouring values of one run.
/// </summary>
internal static unsafe class RowNorm<V> where V : unmanaged, ISimd<V>
{
    /// <summary>Values of a long run that go into one float sum, before the sums are added up in double.</summary>
    private const int Block = 4096;

    public static void Moments(Tensor x, Tensor mean, Tensor variance, NormGeometry g)
    {
        int length = g.ChannelsPerGroup;
        Workers.Split(g.Statistics, Math.Max(1, Workers.Grain / length), (start, count) =>
        {
            for (int run = start; run < start + count; run++)
            {
                var values = x.Span.Slice(run * length, length);
                // First centred on the first value, so that a mean far from zero costs no digits; then on the mean.
                var (sum, _) = CentredSums(values, values[0]);
                float centre = (float)(values[0] + sum / length);
                (sum, double squares) = CentredSums(values, centre);
                mean.Raw<float>()[run] = (float)(centre + sum / length);
                variance.Raw<float>()[run] = (float)((squares - sum * sum / length) / length);
            }
        });
    }

    /// <summary>Σ (x − centre) and Σ (x − centre)².</summary>
    public static (double Sum, double Squares) CentredSums(ReadOnlySpan<float> x, float centre)
    {
        double sum = 0, squares = 0;
        fixed (float* from = x)
            for (int start = 0; start < x.Length; start += Block)
            {
                var (s, q) = RowKernels<V>.CentredSums(from + start, Math.Min(Block, x.Length - start), centre);
                (sum, squares) = (sum + s, squares + q);
            }
        return (sum, squares);
    }

    public static void Normalize(Tensor x, NormArguments norm, Tensor y)
    {
        var g = norm.Geometry;
        int length = g.ChannelsPerGroup;
        Workers.Split(g.Statistics, Math.Max(1, Workers.Grain / length), (start, count) =>
        {
            fixed (float* from = x.Span, to = y.Span, added = Optional(norm.Residual), w = Optional(norm.Weight), b = Optional(norm.Bias))
                for (int run = start; run < start + count; run++)
                {
                    int first = run * length, channel = run % g.Groups * length;
                    RowKernels<V>.Normalize(from + first, length, norm.Mean.Raw<float>()[run],
                        Statistics.InverseStd(norm.Variance.Raw<float>()[run], norm.Eps), At(w, channel), At(b, channel), At(added, first),
                        norm.Activation == Activation.Relu, to + first);
                }
        });
    }

    /// <summary>Parts of the samples have their own sums for dweight and dbias, which are added up in order.</summary>
    /// <param name="mask">The output, whose sign shows where the activation passed its input; or null.</param>
    public static void Gradient(Tensor dy, Tensor x, Tensor? mask, NormArguments norm, NormGradients d, StoragePool pool)
    {
        const int MaxParts = 16;
        var g = norm.Geometry;
        int perPart = Math.Max((g.Samples - 1) / MaxParts + 1, Workers.Grain / g.Channels), length = g.ChannelsPerGroup;
        int parts = (g.Samples - 1) / perPart + 1;
        var rented = pool.Rent(DType.F32, parts * 2 * g.Channels);
        var sums = new Tensor(rented, 0, [parts, 2, g.Channels]);
        Workers.Run(parts, dy.Count, part =>
        {
            var own = sums.Raw<float>().Slice(part * 2 * g.Channels, 2 * g.Channels);
            own.Clear();
            fixed (float* from = dy.Span, input = x.Span, output = Optional(mask), w = Optional(norm.Weight), to = Optional(d.X),
                passed = Optional(d.Residual), sum = own)
                for (int run = part * perPart * g.Groups; run < Math.Min(g.Samples, (part + 1) * perPart) * g.Groups; run++)
                {
                    int first = run * length, channel = run % g.Groups * length;
                    RowKernels<V>.Gradient(from + first, At(output, first), input + first, length, norm.Mean.Raw<float>()[run],
                        Statistics.InverseStd(norm.Variance.Raw<float>()[run], norm.Eps), At(w, channel), norm.Constant, At(to, first),
                        At(passed, first), sum + channel, sum + g.Channels + channel);
                }
        });
        AddParts(sums, parts, 0, d.Bias);
        AddParts(sums, parts, g.Channels, d.Weight);
        pool.Return(rented);
    }

    private static void AddParts(Tensor sums, int parts, int offset, Tensor? to)
    {
        if (to is null) return;
        to.Raw<float>().Clear();
        for (int part = 0; part < parts; part++)
            TensorPrimitives.Add(to.Raw<float>(), sums.Raw<float>().Slice(part * sums.Count / parts + offset, to.Count), to.Raw<float>());
    }

    private static Span<float> Optional(Tensor? tensor) => tensor is null ? default : tensor.Raw<float>();

    private static float* At(float* start, int offset) => start == null ? null : start + offset;
}
