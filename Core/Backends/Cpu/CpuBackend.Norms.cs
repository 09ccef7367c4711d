namespace MiniDL.Backends.Cpu;

internal sealed partial class CpuBackend
{
    private static int Statistic(int index, in NormGeometry g) =>
        index / (g.Positions * g.Channels) * g.Groups + index % g.Channels / g.ChannelsPerGroup;

    internal override void Moments(Tensor x, Tensor mean, Tensor variance, in NormGeometry g)
    {
        var (means, variances) = (new double[g.Statistics], new double[g.Statistics]);
        for (int i = 0; i < x.Count; i++) means[Statistic(i, g)] += F(x)[i] / (double)g.ValuesPerStatistic;
        for (int i = 0; i < x.Count; i++)
        {
            double centred = F(x)[i] - means[Statistic(i, g)];
            variances[Statistic(i, g)] += centred * centred / g.ValuesPerStatistic;
        }
        for (int s = 0; s < g.Statistics; s++) (F(mean)[s], F(variance)[s]) = ((float)means[s], (float)variances[s]);
    }

    internal override void Normalize(Tensor x, Tensor mean, Tensor variance, double eps, Tensor? weight, Tensor? bias,
        Tensor? residual, Activation activation, Tensor y, in NormGeometry g)
    {
        for (int i = 0; i < x.Count; i++)
        {
            int s = Statistic(i, g), c = i % g.Channels;
            double value = (F(x)[i] - F(mean)[s]) / Math.Sqrt(F(variance)[s] + eps);
            if (weight is not null) value *= F(weight)[c];
            if (bias is not null) value += F(bias)[c];
            if (residual is not null) value += F(residual)[i];
            F(y)[i] = (float)(activation == Activation.Relu ? Math.Max(value, 0) : value);
        }
    }

    internal override void NormalizeGradient(Tensor dy, Tensor x, Tensor mean, Tensor variance, double eps, Tensor? weight,
        Tensor y, Activation activation, bool constant, Tensor? dx, Tensor? dweight, Tensor? dbias, Tensor? dresidual, in NormGeometry g)
    {
        var passed = new double[x.Count];
        var normalized = new double[x.Count];
        var (sum, product) = (new double[g.Statistics], new double[g.Statistics]);
        if (dweight is not null) F(dweight).Clear();
        if (dbias is not null) F(dbias).Clear();
        for (int i = 0; i < x.Count; i++)
        {
            int s = Statistic(i, g), c = i % g.Channels;
            passed[i] = activation == Activation.Relu && F(y)[i] <= 0 ? 0 : F(dy)[i];
            normalized[i] = (F(x)[i] - F(mean)[s]) / Math.Sqrt(F(variance)[s] + eps);
            if (dweight is not null) F(dweight)[c] += (float)(passed[i] * normalized[i]);
            if (dbias is not null) F(dbias)[c] += (float)passed[i];
            if (dresidual is not null) F(dresidual)[i] = (float)passed[i];
            if (weight is not null) passed[i] *= F(weight)[c];
            sum[s] += passed[i];
            product[s] += passed[i] * normalized[i];
        }
        if (dx is null) return;
        for (int i = 0; i < x.Count; i++)
        {
            int s = Statistic(i, g);
            double centred = constant ? passed[i] : passed[i] - (sum[s] + normalized[i] * product[s]) / g.ValuesPerStatistic;
            F(dx)[i] = (float)(centred / Math.Sqrt(F(variance)[s] + eps));
        }
    }
}
