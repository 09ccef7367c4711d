namespace MiniDL.Backends.Cpu;

internal sealed partial class CpuBackend<V>
{
    internal override void LogSoftmax(Tensor x, Tensor y, int rows, int columns)
    {
        for (int r = 0; r < rows; r++)
        {
            Span<float> from = F(x).Slice(r * columns, columns), to = F(y).Slice(r * columns, columns);
            double largest = double.NegativeInfinity, sum = 0;
            foreach (double value in from) largest = Math.Max(largest, value);
            foreach (double value in from) sum += Math.Exp(value - largest);
            for (int c = 0; c < columns; c++) to[c] = (float)(from[c] - largest - Math.Log(sum));
        }
    }

    internal override void LogSoftmaxGradient(Tensor dy, Tensor y, Tensor dx, int rows, int columns)
    {
        for (int r = 0; r < rows; r++)
        {
            double sum = 0;
            for (int c = 0; c < columns; c++) sum += F(dy)[r * columns + c];
            for (int c = 0; c < columns; c++)
                F(dx)[r * columns + c] = (float)(F(dy)[r * columns + c] - Math.Exp(F(y)[r * columns + c]) * sum);
        }
    }

    internal override void NegativeLogLikelihood(Tensor logProbabilities, Tensor labels, Tensor loss, int rows, int columns)
    {
        double sum = 0;
        for (int r = 0; r < rows; r++) sum -= F(logProbabilities)[r * columns + (int)labels.Values<long>()[r]];
        F(loss)[0] = (float)(sum / rows);
    }

    internal override void CrossEntropyGradient(Tensor dloss, Tensor logProbabilities, Tensor labels, Tensor dx, int rows, int columns)
    {
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
            {
                double hit = labels.Values<long>()[r] == c ? 1 : 0;
                F(dx)[r * columns + c] = (float)((Math.Exp(F(logProbabilities)[r * columns + c]) - hit) * F(dloss)[0] / rows);
            }
    }
}
