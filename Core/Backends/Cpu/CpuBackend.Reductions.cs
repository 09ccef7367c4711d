using System.Numerics.Tensors;
using MiniDL.Backends.Cpu.Normalization;
using MiniDL.Memory;

namespace MiniDL.Backends.Cpu;

// Sums use float registers for a few hundred values at most, then continue in double, in the order of the chunks.
internal sealed unsafe partial class CpuBackend<V>
{
    private const int LargestSimpleSum = 1024;

    internal override void Sum(Tensor x, Tensor y, int outer, int reduced, int inner)
    {
        if (x.Count == 0) F(y).Clear();
        else if (inner == 1) SumRows(x, y, outer, reduced);
        else if (reduced * inner <= LargestSimpleSum) SumBoxes(x, y, outer, reduced, inner);
        else SumColumns(x, y, new NormGeometry(outer, reduced, inner, inner));
    }

    /// <summary>y[o] = Σᵣ x[o, r].</summary>
    private void SumRows(Tensor x, Tensor y, int outer, int reduced) => InPieces(x, outer, reduced, static (piece, _) => SumRun(piece),
        (o, sum) => F(y)[o] = (float)sum);

    /// <summary>y[o] = x[o, 0] + the mean of x[o, r] − x[o, 0].</summary>
    private void MeanRows(Tensor x, Tensor y, int outer, int reduced) => InPieces(x, outer, reduced,
        static (piece, first) => RowNorm<V>.CentredSums(piece, first).Sum, (o, sum) => F(y)[o] = (float)(F(x)[o * reduced] + sum / reduced));

    /// <summary>A sum over a piece of a row; the row's first value is passed too.</summary>
    private delegate double PieceSum(ReadOnlySpan<float> piece, float first);

    /// <summary>Sums rows; long ones are cut into pieces, which are added up in order.</summary>
    private void InPieces(Tensor x, int outer, int reduced, PieceSum sumOf, Action<int, double> finish)
    {
        int pieces = (reduced - 1) / Workers.Grain + 1;
        var sums = (HostStorage<double>)Pool.Rent(DType.F64, outer * pieces);
        Workers.Split(outer * pieces, Math.Max(1, Workers.Grain / reduced), (start, count) =>
        {
            for (int piece = start; piece < start + count; piece++)
            {
                int row = piece / pieces * reduced, first = piece % pieces * Workers.Grain;
                sums.Span[piece] = sumOf(F(x).Slice(row + first, Math.Min(Workers.Grain, reduced - first)), F(x)[row]);
            }
        });
        for (int o = 0; o < outer; o++) finish(o, TensorPrimitives.Sum<double>(sums.Span.Slice(o * pieces, pieces)));
        Pool.Return(sums);
    }

    /// <summary>The sum of a run: short runs directly, longer ones as 64 columns, which are added up in double.</summary>
    private static double SumRun(ReadOnlySpan<float> x)
    {
        const int Lanes = ChannelChunks.Stripe;
        if (x.Length < 4 * Lanes) return TensorPrimitives.Sum(x);
        float* lanes = stackalloc float[Lanes];
        fixed (float* from = x) ChannelKernels<V>.Sums(from, x.Length, lanes, Lanes);
        double sum = 0;
        for (int lane = 0; lane < Lanes; lane++) sum += lanes[lane];
        return sum;
    }

    /// <summary>y[o, i] = Σᵣ x[o, r, i], one row at a time: for small boxes.</summary>
    private static void SumBoxes(Tensor x, Tensor y, int outer, int reduced, int inner) =>
        Workers.Split(outer, Math.Max(1, Workers.Grain / (reduced * inner)), (start, count) =>
        {
            Span<float> from = F(x), to = F(y);
            for (int o = start; o < start + count; o++)
            {
                var sum = to.Slice(o * inner, inner);
                from.Slice(o * reduced * inner, inner).CopyTo(sum);
                for (int r = 1; r < reduced; r++) TensorPrimitives.Add(sum, from.Slice((o * reduced + r) * inner, inner), sum);
            }
        });

    /// <summary>The same, with registers along the inner dimension, in chunks.</summary>
    private void SumColumns(Tensor x, Tensor y, NormGeometry g)
    {
        var chunks = new ChannelChunks(g);
        var sums = (HostStorage<double>)Pool.Rent(DType.F64, chunks.Count * g.Channels);
        Workers.Run(chunks.Count, x.Count, chunk =>
        {
            var (start, length) = chunks.Values(chunk);
            float* lanes = Scratch.Rent(ScratchUse.Lanes, chunks.Lanes);
            fixed (float* from = F(x).Slice(start, length)) ChannelKernels<V>.Sums(from, length, lanes, chunks.Lanes);
            chunks.Fold(lanes, sums.Span.Slice(chunk * g.Channels, g.Channels));
        });
        for (int sample = 0; sample < g.Samples; sample++)
        {
            var sum = sums.Span.Slice(sample * chunks.PerSample * g.Channels, g.Channels);
            for (int chunk = sample * chunks.PerSample + 1; chunk < (sample + 1) * chunks.PerSample; chunk++)
                TensorPrimitives.Add(sum, sums.Span.Slice(chunk * g.Channels, g.Channels), sum);
            TensorPrimitives.ConvertTruncating<double, float>(sum, F(y).Slice(sample * g.Channels, g.Channels));
        }
        Pool.Return(sums);
    }

    internal override void Mean(Tensor x, Tensor y, int outer, int reduced, int inner)
    {
        if (inner == 1) MeanRows(x, y, outer, reduced);
        else MeanColumns(x, y, new NormGeometry(outer, reduced, inner, inner));
    }

    /// <summary>y[o, i] = x[o, 0, i] + the mean of x[o, r, i] − x[o, 0, i], with registers along the inner dimension, in chunks.</summary>
    private void MeanColumns(Tensor x, Tensor y, NormGeometry g)
    {
        var chunks = new ChannelChunks(g);
        var sums = (HostStorage<double>)Pool.Rent(DType.F64, chunks.Count * g.Channels);
        Workers.Run(chunks.Count, x.Count, chunk =>
        {
            var (start, length) = chunks.Values(chunk);
            float* centre = Scratch.Rent(ScratchUse.Lanes, 3 * chunks.Lanes), sum = centre + chunks.Lanes, squares = sum + chunks.Lanes;
            chunks.Spread(F(x).Slice(chunks.Sample(chunk) * g.Positions * g.Channels, g.Channels), centre);
            fixed (float* from = F(x).Slice(start, length)) ChannelKernels<V>.CentredSums(from, length, centre, sum, squares, chunks.Lanes);
            chunks.Fold(sum, sums.Span.Slice(chunk * g.Channels, g.Channels));
        });
        for (int sample = 0; sample < g.Samples; sample++)
            for (int c = 0; c < g.Channels; c++)
            {
                double sum = 0;
                for (int chunk = 0; chunk < chunks.PerSample; chunk++) sum += sums.Span[(sample * chunks.PerSample + chunk) * g.Channels + c];
                F(y)[sample * g.Channels + c] = (float)(F(x)[sample * g.Positions * g.Channels + c] + sum / g.Positions);
            }
        Pool.Return(sums);
    }

    internal override void Max(Tensor x, Tensor y, Tensor index, int outer, int reduced, int inner) =>
        Workers.Split(outer, Math.Max(1, Workers.Grain / Math.Max(1, reduced * inner)), (start, count) =>
        {
            Span<float> from = F(x), to = F(y);
            var winner = index.Raw<long>();
            for (int o = start; o < start + count; o++)
                for (int i = 0; i < inner; i++)
                {
                    int best = o * reduced * inner + i;
                    for (int r = 1, at = best + inner; r < reduced; r++, at += inner)
                        if (IsLarger(from[at], from[best])) best = at;
                    to[o * inner + i] = from[best];
                    winner[o * inner + i] = best / inner - o * reduced;
                }
        });

    /// <summary>NaN counts as larger than every number, so that it is not lost.</summary>
    private static bool IsLarger(float a, float b) => a > b || (float.IsNaN(a) && !float.IsNaN(b));

    internal override void MaxGradient(Tensor dy, Tensor index, Tensor dx, int outer, int reduced, int inner) =>
        Workers.Split(outer, Math.Max(1, Workers.Grain / Math.Max(1, reduced * inner)), (start, count) =>
        {
            Span<float> from = F(dy), to = F(dx).Slice(start * reduced * inner, count * reduced * inner);
            var winner = index.Raw<long>();
            to.Clear();
            for (int o = 0; o < count; o++)
                for (int i = 0, at = (start + o) * inner; i < inner; i++, at++) to[(o * reduced + (int)winner[at]) * inner + i] = from[at];
        });
}
