namespace MiniDL.Backends.Reference;

// Normalization and losses. A value (sample n, position p, channel c) is at index (n·P + p)·C + c; its statistic has number
// n·G + c / (C/G).
internal sealed partial class ReferenceBackend
{
    private static int Statistic(int index, in NormGeometry g) =>
        index / (g.Positions * g.Channels) * g.Groups + index % g.Channels / g.ChannelsPerGroup;

    internal override void Moments(Tensor x, Tensor mean, Tensor variance, in NormGeometry g)
    {
        D(variance).Clear();
        // Centred on one of the values, so that the mean of equal values is exact.
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

    internal override void Normalize(Tensor x, in NormArguments n, Tensor y)
    {
        for (int i = 0; i < x.Count; i++)
        {
            int s = Statistic(i, n.Geometry), c = i % n.Geometry.Channels;
            double value = (D(x)[i] - D(n.Mean)[s]) / Math.Sqrt(D(n.Variance)[s] + n.Eps);
            if (n.Weight is not null) value *= D(n.Weight)[c];
            if (n.Bias is not null) value += D(n.Bias)[c];
            if (n.Residual is not null) value += D(n.Residual)[i];
            D(y)[i] = n.Activation == Activation.Relu ? Math.Max(value, 0) : value;
        }
    }

    internal override void NormalizeGradient(Tensor dy, Tensor x, Tensor y, in NormArguments n, in NormGradients d)
    {
        var g = n.Geometry;
        double[] passed = new double[x.Count], normalized = new double[x.Count];
        double[] sum = new double[g.Statistics], product = new double[g.Statistics];
        if (d.Weight is not null) D(d.Weight).Clear();
        if (d.Bias is not null) D(d.Bias).Clear();
        for (int i = 0; i < x.Count; i++)
        {
            int s = Statistic(i, g), c = i % g.Channels;
            passed[i] = n.Activation == Activation.None || D(y)[i] > 0 ? D(dy)[i] : 0;
            normalized[i] = (D(x)[i] - D(n.Mean)[s]) / Math.Sqrt(D(n.Variance)[s] + n.Eps);
            if (d.Weight is not null) D(d.Weight)[c] += passed[i] * normalized[i];
            if (d.Bias is not null) D(d.Bias)[c] += passed[i];
            if (d.Residual is not null) D(d.Residual)[i] = passed[i];
            if (n.Weight is not null) passed[i] *= D(n.Weight)[c];
            sum[s] += passed[i];
            product[s] += passed[i] * normalized[i];
        }
        if (d.X is null) return;
        for (int i = 0; i < x.Count; i++)
        {
            int s = Statistic(i, g);
            double centred = n.Constant ? passed[i] : passed[i] - (sum[s] + normalized[i] * product[s]) / g.ValuesPerStatistic;
            D(d.X)[i] = centred / Math.Sqrt(D(n.Variance)[s] + n.Eps);
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
