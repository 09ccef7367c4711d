using System.Numerics.Tensors;

namespace MiniDL.Backends.Cpu;

// Losses, a row at a time.
internal sealed unsafe partial class CpuBackend<V>
{
    internal override void LogSoftmax(Tensor x, Tensor y, int rows, int columns) =>
        ForEachRow(rows, columns, row =>
        {
            Span<float> from = F(x).Slice(row, columns), to = F(y).Slice(row, columns);
            float largest = TensorPrimitives.Max<float>(from);
            TensorPrimitives.Subtract(from, largest, to);
            TensorPrimitives.Subtract(to, (float)Math.Log(SumExp(from, largest)), to);
        });

    internal override void LogSoftmaxGradient(Tensor dy, Tensor y, Tensor dx, int rows, int columns) =>
        ForEachRow(rows, columns, row =>
        {
            Span<float> gradient = F(dy).Slice(row, columns), to = F(dx).Slice(row, columns);
            float sum = (float)SumRun(gradient);
            ElementwiseLoop.Map(default(ExpFunction), F(y).Slice(row, columns), to);
            TensorPrimitives.MultiplyAdd(to, -sum, gradient, to);
        });

    internal override void NegativeLogLikelihood(Tensor logProbabilities, Tensor labels, Tensor loss, int rows, int columns)
    {
        double sum = 0;
        ReadOnlySpan<float> values = F(logProbabilities);
        ReadOnlySpan<long> classes = labels.Raw<long>();
        for (int r = 0; r < rows; r++) sum -= values[r * columns + (int)classes[r]];
        F(loss)[0] = (float)(sum / rows);
    }

    internal override void CrossEntropyGradient(Tensor dloss, Tensor logProbabilities, Tensor labels, Tensor dx, int rows, int columns)
    {
        float scale = F(dloss)[0] / rows;
        ForEachRow(rows, columns, row =>
        {
            var to = F(dx).Slice(row, columns);
            ElementwiseLoop.Map(default(ExpFunction), F(logProbabilities).Slice(row, columns), to);
            to[(int)labels.Raw<long>()[row / columns]] -= 1;
            TensorPrimitives.Multiply(to, scale, to);
        });
    }

    /// <summary>Σ e^(x[i] − shift), in double: next to a softmax's largest term, which is 1, smaller ones keep their digits down to 10⁻¹⁶.</summary>
    private static double SumExp(ReadOnlySpan<float> x, double shift)
    {
        const int width = ILanes<DoubleLanes>.Count;
        DoubleLanes sum = DoubleLanes.Of(0), by = DoubleLanes.Of(shift);
        int i = 0;
        for (; i <= x.Length - width; i += width) sum += DoubleLanes.Exp(DoubleLanes.Load(in x[i], 0) - by);
        double total = sum.Sum();
        if (i == x.Length) return total;
        Span<float> tail = stackalloc float[width];
        tail.Fill(1);
        x[i..].CopyTo(tail);
        var rest = DoubleLanes.Exp(DoubleLanes.Load(in tail[0], 0) - by);
        for (int lane = 0; lane < x.Length - i; lane++) total += rest[lane];
        return total;
    }

    /// <summary>Calls the body with the start of each row.</summary>
    private static void ForEachRow(int rows, int columns, Action<int> body)
    {
        if (columns == 0) return;
        Workers.Split(rows, Math.Max(1, Workers.Grain / columns), (start, count) =>
        {
            for (int row = start; row < start + count; row++) body(row * columns);
        });
    }
}
