namespace MiniDL.Backends.Reference;

// Normalization and losses. A value (sample n, position p, channel c) lies at (n·P + p)·C + c; its statistic is number
// n·G + c / (C/G).
internal sealed partial class ReferenceBackend
{
    private static int Statistic(int index, in NormGeometry g) =>
        index / (g.Positions * g.Channels) * g.Groups + index % g.Channels / g.ChannelsPerGroup;

    internal override void Moments(Tensor x, Tensor mean, Tensor variance, in NormGeometry g)
    {
        D(variance).Clear();
        // Around one of the values, so that equal ones have that mean to the last bit.
        var around = new double[g.Statistics];
        for (int i = x.Count - 1; i >= 0; i--) around[Statistic(i, g)] = D(x)[i];
        D(mean).Clear();
        for (int i = 0; i < x.Count; i++) D(mean)[Statistic(i, g)] += D(x)[i] - around[Statistic(i, g)];
        for (int s = 0; s < g.Statistics; s++) D(mean)[s] = around[s] + D(mean)[s] / g.ValuesPerStatistic;
        for (int i = 0; i < x.Count; i++)
        {
            double centred = D(x)[i] - D(mean)[Statistic(i, g)];
            D(variance)[Statistic(i, g)] += centred * centred / g.ValuesPerStatistic;
        }
    }

    internal override void Normalize(Tensor x, Tensor mean, Tensor variance, double eps, Tensor? weight, Tensor? bias,
        Tensor? residual, Activation activation, Tensor y, in NormGeometry g)
    {
        for (int i = 0; i < x.Count; i++)
        {
            int s = Statistic(i, g), c = i % g.Channels;
            double value = (D(x)[i] - D(mean)[s]) / Math.Sqrt(D(variance)[s] + eps);
            if (weight is not null) value *= D(weight)[c];
            if (bias is not null) value += D(bias)[c];
            if (residual is not null) value += D(residual)[i];
            D(y)[i] = activation == Activation.Relu ? Math.Max(value, 0) : value;
        }
    }

    internal override void NormalizeGradient(Tensor dy, Tensor x, Tensor mean, Tensor variance, double eps, Tensor? weight,
        Tensor? bias, bool residual, Tensor y, Activation activation, bool constant, Tensor? dx, Tensor? dweight, Tensor? dbias,
        Tensor? dresidual, in NormGeometry g)
    {
        var passed = new double[x.Count];
        var normalized = new double[x.Count];
        var (sum, product) = (new double[g.Statistics], new double[g.Statistics]);
        if (dweight is not null) D(dweight).Clear();
        if (dbias is not null) D(dbias).Clear();
        for (int i = 0; i < x.Count; i++)
        {
            int s = Statistic(i, g), c = i % g.Channels;
            passed[i] = activation == Activation.None || D(y)[i] > 0 ? D(dy)[i] : 0;
            normalized[i] = (D(x)[i] - D(mean)[s]) / Math.Sqrt(D(variance)[s] + eps);
            if (dweight is not null) D(dweight)[c] += passed[i] * normalized[i];
            if (dbias is not null) D(dbias)[c] += passed[i];
            if (dresidual is not null) D(dresidual)[i] = passed[i];
            if (weight is not null) passed[i] *= D(weight)[c];
            sum[s] += passed[i];
            product[s] += passed[i] * normalized[i];
        }
        if (dx is null) return;
        for (int i = 0; i < x.Count; i++)
        {
            int s = Statistic(i, g);
            double centred = constant ? passed[i] : passed[i] - (sum[s] + normalized[i] * product[s]) / g.ValuesPerStatistic;
            D(dx)[i] = centred / Math.Sqrt(D(variance)[s] + eps);
        }
    }

    internal override void LogSoftmax(Tensor x, Tensor y, int rows, int columns)
    {
        for (int r = 0; r < rows; r++)
        {
            Span<double> from = D(x).Slice(r * columns, columns), to = D(y).Slice(r * columns, columns);
            double largest = double.NegativeInfinity, sum = 0;
            foreach (double value in from) largest = Math.Max(largest, value);
            foreach (double value in from) sum += Math.Exp(value - largest);
            for (int c = 0; c < columns; c++) to[c] = from[c] - largest - Math.Log(sum);
        }
    }

    internal override void LogSoftmaxGradient(Tensor dy, Tensor y, Tensor dx, int rows, int columns)
    {
        for (int r = 0; r < rows; r++)
        {
            double sum = 0;
            for (int c = 0; c < columns; c++) sum += D(dy)[r * columns + c];
            for (int c = 0; c < columns; c++)
                D(dx)[r * columns + c] = D(dy)[r * columns + c] - Math.Exp(D(y)[r * columns + c]) * sum;
        }
    }

    internal override void NegativeLogLikelihood(Tensor logProbabilities, Tensor labels, Tensor loss, int rows, int columns)
    {
        double sum = 0;
        for (int r = 0; r < rows; r++) sum -= D(logProbabilities)[r * columns + (int)labels.Raw<long>()[r]];
        D(loss)[0] = sum / rows;
    }

    internal override void CrossEntropyGradient(Tensor dloss, Tensor logProbabilities, Tensor labels, Tensor dx, int rows, int columns)
    {
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
            {
                double hit = labels.Raw<long>()[r] == c ? 1 : 0;
                D(dx)[r * columns + c] = (Math.Exp(D(logProbabilities)[r * columns + c]) - hit) * D(dloss)[0] / rows;
            }
    }
}
