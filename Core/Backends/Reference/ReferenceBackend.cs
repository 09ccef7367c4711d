using System.Numerics;

namespace MiniDL.Backends.Reference;

/// <summary>
/// The definition of every primitive: naive loops in double precision on one thread, each a few lines, in the order of the
/// formula. Every other backend is tested against it.
/// </summary>
internal sealed partial class ReferenceBackend(Device device) : HostBackend(device)
{
    public override DType FloatType => DType.F64;

    private static Span<double> D(Tensor x) => x.Raw<double>();

    internal override void CopyStrided(ReadOnlySpan<int> sizes, Tensor x, int xStart, ReadOnlySpan<int> xStrides,
        Tensor y, int yStart, ReadOnlySpan<int> yStrides, bool add = false)
    {
        switch (x.DType)
        {
            case DType.F64: CopyBox(sizes, x.Raw<double>(), xStart, xStrides, y.Raw<double>(), yStart, yStrides, add); break;
            case DType.I64: CopyBox(sizes, x.Raw<long>(), xStart, xStrides, y.Raw<long>(), yStart, yStrides, add); break;
            case DType.F32: CopyBox(sizes, x.Raw<float>(), xStart, xStrides, y.Raw<float>(), yStart, yStrides, add); break;
            default: CopyBox(sizes, x.Raw<byte>(), xStart, xStrides, y.Raw<byte>(), yStart, yStrides, add); break;
        }
    }

    private static void CopyBox<T>(ReadOnlySpan<int> sizes, ReadOnlySpan<T> x, int xStart, ReadOnlySpan<int> xStrides,
        Span<T> y, int yStart, ReadOnlySpan<int> yStrides, bool add) where T : INumberBase<T>
    {
        if (sizes.IsEmpty)
        {
            y[yStart] = add ? y[yStart] + x[xStart] : x[xStart];
            return;
        }
        for (int i = 0; i < sizes[0]; i++)
            CopyBox(sizes[1..], x, xStart + i * xStrides[0], xStrides[1..], y, yStart + i * yStrides[0], yStrides[1..], add);
    }

    internal override void Map<TFunction>(TFunction f, Tensor x, Tensor y)
    {
        for (int i = 0; i < x.Count; i++) D(y)[i] = f.Value(new Real(D(x)[i])).Value;
    }

    internal override void MapGradient<TFunction>(TFunction f, Tensor dy, Tensor x, Tensor y, Tensor dx)
    {
        for (int i = 0; i < x.Count; i++) D(dx)[i] = f.Gradient(new Real(D(dy)[i]), new Real(D(x)[i]), new Real(D(y)[i])).Value;
    }

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
            D(c)[i] = f.Value(new Real(D(a)[p]), new Real(D(b)[q])).Value;
        }
    }

    internal override void Affine(Tensor x, double scale, double shift, Tensor y)
    {
        for (int i = 0; i < x.Count; i++) D(y)[i] = scale * D(x)[i] + shift;
    }

    internal override void Sum(Tensor x, Tensor y, int outer, int reduced, int inner)
    {
        D(y).Clear();
        for (int o = 0; o < outer; o++)
            for (int r = 0; r < reduced; r++)
                for (int i = 0; i < inner; i++)
                    D(y)[o * inner + i] += D(x)[(o * reduced + r) * inner + i];
    }

    internal override void Max(Tensor x, Tensor y, Tensor index, int outer, int reduced, int inner)
    {
        for (int o = 0; o < outer; o++)
            for (int i = 0; i < inner; i++)
            {
                int best = 0;
                for (int r = 1; r < reduced; r++)
                    if (IsLarger(D(x)[(o * reduced + r) * inner + i], D(x)[(o * reduced + best) * inner + i])) best = r;
                D(y)[o * inner + i] = D(x)[(o * reduced + best) * inner + i];
                index.Raw<long>()[o * inner + i] = best;
            }
    }

    /// <summary>NaN counts as larger than every number, so that it is not lost.</summary>
    private static bool IsLarger(double a, double b) => a > b || (double.IsNaN(a) && !double.IsNaN(b));

    internal override void MaxGradient(Tensor dy, Tensor index, Tensor dx, int outer, int reduced, int inner)
    {
        D(dx).Clear();
        for (int o = 0; o < outer; o++)
            for (int i = 0; i < inner; i++)
                D(dx)[(o * reduced + (int)index.Raw<long>()[o * inner + i]) * inner + i] = D(dy)[o * inner + i];
    }

    internal override void MatMul(Tensor a, Tensor b, Tensor c, int rows, int inner, int columns, bool transposeA = false, bool transposeB = false)
    {
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++)
            {
                double sum = 0;
                for (int k = 0; k < inner; k++)
                    sum += D(a)[transposeA ? k * rows + i : i * inner + k] * D(b)[transposeB ? j * inner + k : k * columns + j];
                D(c)[i * columns + j] = sum;
            }
    }

    internal override void SgdStep(Tensor parameter, Tensor gradient, Tensor? velocity, bool first, in SgdSettings s)
    {
        float rate = s.LearningRate();
        for (int i = 0; i < parameter.Count; i++)
        {
            double g = D(gradient)[i] + s.WeightDecay * D(parameter)[i];
            if (velocity is not null)
            {
                D(velocity)[i] = first ? g : s.Momentum * D(velocity)[i] + (1 - s.Dampening) * g;
                g = s.Nesterov ? g + s.Momentum * D(velocity)[i] : D(velocity)[i];
            }
            D(parameter)[i] -= rate * g;
        }
    }
}
