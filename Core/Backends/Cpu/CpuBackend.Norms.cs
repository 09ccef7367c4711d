using MiniDL.Backends.Cpu.Normalization;

namespace MiniDL.Backends.Cpu;

// Normalization. With one position a sample's groups are runs of neighbours (LayerNorm): rows. Otherwise registers hold
// neighbouring channels of one position, the same for every norm, and channels are folded into groups at the end.
internal sealed partial class CpuBackend<V>
{
    internal override void Moments(Tensor x, Tensor mean, Tensor variance, in NormGeometry g)
    {
        if (x.Count == 0) return;
        if (g.Positions == 1) RowNorm<V>.Moments(x, mean, variance, g);
        else ChannelNorm<V>.Moments(x, mean, variance, Pool, g);
    }

    internal override void Normalize(Tensor x, Tensor mean, Tensor variance, double eps, Tensor? weight, Tensor? bias,
        Tensor? residual, Activation activation, Tensor y, in NormGeometry g)
    {
        if (x.Count == 0) return;
        if (g.Positions == 1) RowNorm<V>.Normalize(x, mean, variance, eps, weight, bias, residual, activation, y, g);
        else ChannelNorm<V>.Normalize(x, mean, variance, eps, weight, bias, residual, activation, y, g);
    }

    internal override void NormalizeGradient(Tensor dy, Tensor x, Tensor mean, Tensor variance, double eps, Tensor? weight,
        Tensor? bias, bool residual, Tensor y, Activation activation, bool constant, Tensor? dx, Tensor? dweight, Tensor? dbias,
        Tensor? dresidual, in NormGeometry g)
    {
        var mask = activation == Activation.Relu ? y : null;
        if (x.Count == 0)
        {
            if (dweight is not null) F(dweight).Clear();
            if (dbias is not null) F(dbias).Clear();
        }
        else if (g.Positions == 1)
            RowNorm<V>.Gradient(dy, x, mean, variance, eps, weight, mask, constant, dx, dweight, dbias, dresidual, Pool, g);
        else
            new ChannelGradient<V>(dy, x, mean, variance, eps, weight, mask, constant, dx, dresidual, g).Run(dweight, dbias, Pool);
    }
}
