using System.Numerics.Tensors;

namespace MiniDL.Backends.Cpu;

// Elementwise maps, in chunks of a few pages that the threads share.
internal sealed partial class CpuBackend<V>
{
    internal override void Map<TFunction>(TFunction f, Tensor x, Tensor y) =>
        Workers.Split(y.Count, Workers.Grain, (start, length) => ElementwiseLoop.Map(f, F(x).Slice(start, length), F(y).Slice(start, length)));

    internal override void MapGradient<TFunction>(TFunction f, Tensor dy, Tensor x, Tensor y, Tensor dx) =>
        Workers.Split(dx.Count, Workers.Grain, (start, length) =>
            ElementwiseLoop.MapGradient(f, F(dy).Slice(start, length), F(x).Slice(start, length), F(y).Slice(start, length), F(dx).Slice(start, length)));

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
        if (c.Count == 0) return;
        if (c.Count <= Workers.Grain && sizes.Length == 1) ZipRun(f, F(a), aStrides[0], F(b), bStrides[0], F(c));
        else ZipBox(f, sizes, a, aStrides, b, bStrides, c);
    }

    private static void ZipBox<TFunction>(TFunction f, ReadOnlySpan<int> sizes, Tensor a, ReadOnlySpan<int> aStrides,
        Tensor b, ReadOnlySpan<int> bStrides, Tensor c) where TFunction : struct, IBinaryFunction
    {
        Span<int> cStrides = stackalloc int[sizes.Length];
        for (int dim = sizes.Length - 1, stride = 1; dim >= 0; stride *= sizes[dim--]) cStrides[dim] = stride;
        var box = new StridedBox(sizes, cStrides, aStrides, bStrides);
        int run = box.Inner.Size;
        // Long runs are split into chunks; short ones are grouped into one.
        int pieces = (run - 1) / Workers.Grain + 1, runsPerChunk = Math.Max(1, Workers.Grain / run);
        Workers.Split(box.Runs * pieces, runsPerChunk, (start, count) =>
        {
            for (int piece = start; piece < start + count; piece++)
            {
                int first = piece % pieces * Workers.Grain;
                var (to, p, q) = box.Start(piece / pieces);
                ZipRun(f, F(a)[(p + first * box.Inner.A)..], box.Inner.A, F(b)[(q + first * box.Inner.B)..], box.Inner.B,
                    F(c).Slice(to + first, Math.Min(Workers.Grain, run - first)));
            }
        });
    }

    private static void ZipRun<TFunction>(TFunction f, ReadOnlySpan<float> a, int aStride, ReadOnlySpan<float> b, int bStride, Span<float> c)
        where TFunction : struct, IBinaryFunction
    {
        int length = c.Length;
        int Length(int stride) => stride == 0 ? 1 : length;
        if (aStride <= 1 && bStride <= 1) ElementwiseLoop.Zip(f, a[..Length(aStride)], b[..Length(bStride)], c);
        else
            for (int i = 0; i < c.Length; i++) ElementwiseLoop.Zip(f, a.Slice(i * aStride, 1), b.Slice(i * bStride, 1), c.Slice(i, 1));
    }
}
