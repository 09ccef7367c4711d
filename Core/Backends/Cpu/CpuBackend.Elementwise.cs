using System.Numerics.Tensors;

namespace MiniDL.Backends.Cpu;

// Elementwise maps, in chunks of a few pages that the threads share.
internal sealed partial class CpuBackend<V>
{
    internal override void Map<TFunction>(TFunction f, Tensor x, Tensor y) =>
        Workers.Split(y.Count, Workers.Grain, (start, length) => f.Values(F(x).Slice(start, length), F(y).Slice(start, length)));

    internal override void MapGradient<TFunction>(TFunction f, Tensor dy, Tensor x, Tensor y, Tensor dx) =>
        Workers.Split(dx.Count, Workers.Grain, (start, length) =>
            f.Gradients(F(dy).Slice(start, length), F(x).Slice(start, length), F(y).Slice(start, length), F(dx).Slice(start, length)));

    internal override void Affine(Tensor x, double scale, double shift, Tensor y) =>
        Workers.Split(y.Count, Workers.Grain, (start, length) =>
        {
            Span<float> from = F(x).Slice(start, length), to = F(y).Slice(start, length);
            if (scale == 1) TensorPrimitives.Add(from, (float)shift, to);
            else TensorPrimitives.Multiply(from, (float)scale, to);
            if (scale != 1 && shift != 0) TensorPrimitives.Add(to, (float)shift, to);
        });

    internal override void Zip<TFunction>(TFunction f, ReadOnlySpan<int> sizes, Tensor a, ReadOnlySpan<int> aStrides,
        Tensor b, ReadOnlySpan<int> bStrides, Tensor c)
    {
        for (int i = 0; i < c.Count; i++)
        {
            int p = 0, q = 0;
            for (int dim = sizes.Length - 1, rest = i; dim >= 0; rest /= sizes[dim], dim--)
            {
                p += rest % sizes[dim] * aStrides[dim];
                q += rest % sizes[dim] * bStrides[dim];
            }
            f.Values(F(a).Slice(p, 1), F(b).Slice(q, 1), F(c).Slice(i, 1));
        }
    }

    internal override void SgdStep(Tensor parameter, Tensor gradient, Tensor? velocity, bool first, in SgdSettings s)
    {
        for (int i = 0; i < parameter.Count; i++)
        {
            float g = F(gradient)[i] + s.WeightDecay * F(parameter)[i];
            if (velocity is not null)
            {
                F(velocity)[i] = first ? g : s.Momentum * F(velocity)[i] + (1 - s.Dampening) * g;
                g = s.Nesterov ? g + s.Momentum * F(velocity)[i] : F(velocity)[i];
            }
            F(parameter)[i] -= s.LearningRate * g;
        }
    }
}
