using System.Numerics;

namespace MiniDL.Backends.Cpu;

internal sealed partial class CpuBackend<V>
{
    internal override void CopyStrided(ReadOnlySpan<int> sizes, Tensor x, int xStart, ReadOnlySpan<int> xStrides,
        Tensor y, int yStart, ReadOnlySpan<int> yStrides, bool add = false)
    {
        switch (x.DType)
        {
            case DType.F64: CopyBox(sizes, x.Values<double>(), xStart, xStrides, y.Values<double>(), yStart, yStrides, add); break;
            case DType.I64: CopyBox(sizes, x.Values<long>(), xStart, xStrides, y.Values<long>(), yStart, yStrides, add); break;
            case DType.F32: CopyBox(sizes, x.Values<float>(), xStart, xStrides, y.Values<float>(), yStart, yStrides, add); break;
            default: CopyBox(sizes, x.Values<byte>(), xStart, xStrides, y.Values<byte>(), yStart, yStrides, add); break;
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
}
