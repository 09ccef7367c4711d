using MiniDL.Backends.Cpu.Normalization;

namespace MiniDL.Backends.Cpu;

// Normalization. If a sample has one position, its groups are contiguous runs (LayerNorm): rows. Otherwise registers hold
// neighbouring channels of one position, the same for every norm, and channels are folded into groups at the end.
internal sealed partial class CpuBackend<V>
{
    internal override void Moments(Tensor x, Tensor mean, Tensor variance, in NormGeometry g)
    {
        if (x.Count == 0) return;
        if (g.Positions == 1) RowNorm<V>.Moments(x, mean, variance, g);
        else ChannelNorm<V>.Moments(x, mean, variance, Pool, g);
    }

    internal override void Normalize(Tensor x, in NormArguments norm, Tensor y)
    {
        if (x.Count == 0) return;
        if (norm.Geometry.Positions == 1) RowNorm<V>.Normalize(x, norm, y);
        else ChannelNorm<V>.Normalize(x, norm, y);
    }

    internal override void NormalizeGradient(Tensor dy, Tensor x, Tensor y, in NormArguments norm, in NormGradients d)
    {
        var mask = norm.Activation == Activation.Relu ? y : null;
        if (x.Count == 0)
        {
            if (d.Weight is not null) F(d.Weight).Clear();
            if (d.Bias is not null) F(d.Bias).Clear();
        }
        else if (norm.Geometry.Positions == 1) RowNorm<V>.Gradient(dy, x, mask, norm, d, Pool);
        else new ChannelGradient<V>(dy, x, y, norm, d).Run(Pool);
    }

    internal override bool NormalizesGradientInPlace => true;

    private static ImageChunks? ChunksOf(Shape x, in NormGeometry g) => x.Rank == 4 ? ImageChunks.Of(g, x[0], x[2] * x[3]) : null;
}
