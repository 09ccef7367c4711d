using System.Numerics;
using System.Numerics.Tensors;

namespace MiniDL.Backends.Cpu;

// Copying boxes of values. Loops follow y's order. If x is strided there but contiguous along another dimension, tiles of the two
// dimensions are transposed, so that both sides are read and written in whole cache lines.
internal sealed partial class CpuBackend<V>
{
    private const int MaxVectorRun = 256;

    internal override void Fill(Tensor y, double value)
    {
        if (y.DType == DType.F32) Workers.Split(y.Count, Workers.Grain, (start, count) => F(y).Slice(start, count).Fill((float)value));
        else base.Fill(y, value);
    }

    internal override void CopyStrided(ReadOnlySpan<int> sizes, Tensor x, int xStart, ReadOnlySpan<int> xStrides,
        Tensor y, int yStart, ReadOnlySpan<int> yStrides, bool add = false)
    {
        if (sizes.Contains(0)) return;
        switch (x.DType)
        {
            case DType.F32: Copy<float>(sizes, x, xStart, xStrides, y, yStart, yStrides, add); break;
            case DType.F64: Copy<double>(sizes, x, xStart, xStrides, y, yStart, yStrides, add); break;
            case DType.I64: Copy<long>(sizes, x, xStart, xStrides, y, yStart, yStrides, add); break;
            default: Copy<byte>(sizes, x, xStart, xStrides, y, yStart, yStrides, add); break;
        }
    }

    private static void Copy<T>(ReadOnlySpan<int> sizes, Tensor x, int xStart, ReadOnlySpan<int> xStrides,
        Tensor y, int yStart, ReadOnlySpan<int> yStrides, bool add) where T : unmanaged, INumberBase<T>
    {
        // Short runs are what a training step copies most often; they need no plan.
        if (sizes is [<= Workers.Grain and var count])
            CopyRun<T>(x.Raw<T>(), xStart, xStrides[0], y.Raw<T>(), yStart, yStrides[0], count, add);
        else CopyBox<T>(StridedBox.AlongY(sizes, yStrides, xStrides), x, xStart, y, yStart, add);
    }

    private static void CopyBox<T>(StridedBox box, Tensor x, int xStart, Tensor y, int yStart, bool add) where T : unmanaged, INumberBase<T>
    {
        int across = -1;
        for (int i = 0; i < box.Outer.Count && box.Inner.A > 1; i++)
            if (box.Outer[i].A == 1) across = i;
        if (across >= 0)
        {
            TransposeBox<T>(box, across, x, xStart, y, yStart, add);
            return;
        }
        // Long runs are split into chunks; short ones are grouped into one, with those along the innermost other dimension.
        int run = box.Inner.Size, pieces = (run - 1) / Workers.Grain + 1;
        if (pieces == 1 && box.Outer.Count > 0)
        {
            var row = box.Outer[^1];
            Workers.Split(box.Runs, Math.Max(1, Workers.Grain / run), (start, count) =>
            {
                for (int i = start, runs; i < start + count; i += runs)
                {
                    runs = Math.Min(row.Size - i % row.Size, start + count - i);
                    var (q, p, _) = box.Start(i);
                    CopyRuns(x.Raw<T>(), xStart + p, row.A, box.Inner.A, y.Raw<T>(), yStart + q, row.Y, box.Inner.Y, runs, run, add);
                }
            });
            return;
        }
        Workers.Split(box.Runs * pieces, 1, (start, count) =>
        {
            for (int piece = start; piece < start + count; piece++)
            {
                int first = piece % pieces * Workers.Grain;
                var (q, p, _) = box.Start(piece / pieces);
                CopyRun<T>(x.Raw<T>(), xStart + p + first * box.Inner.A, box.Inner.A, y.Raw<T>(), yStart + q + first * box.Inner.Y, box.Inner.Y,
                    Math.Min(Workers.Grain, run - first), add);
            }
        });
    }

    /// <summary>Several runs of the same length, xRow and yRow apart.</summary>
    private static unsafe void CopyRuns<T>(ReadOnlySpan<T> x, int p, int xRow, int xStride, Span<T> y, int q, int yRow, int yStride, int rows, int count,
        bool add) where T : unmanaged, INumberBase<T>
    {
        if (typeof(T) != typeof(float) || xStride != 1 || yStride != 1 || count % V.Count != 0 || count > MaxVectorRun)
        {
            for (int row = 0; row < rows; row++, p += xRow, q += yRow) CopyRun(x, p, xStride, y, q, yStride, count, add);
            return;
        }
        // Pixels of a few channels: a call for each would take longer than its copy.
        fixed (T* xs = x, ys = y)
        {
            float* from = (float*)xs + p, to = (float*)ys + q;
            for (int row = 0; row < rows; row++, from += xRow, to += yRow)
                for (int i = 0; i < count; i += V.Count) (add ? V.Load(to + i) + V.Load(from + i) : V.Load(from + i)).Store(to + i);
        }
    }

    private static void CopyRun<T>(ReadOnlySpan<T> x, int p, int xStride, Span<T> y, int q, int yStride, int count, bool add)
        where T : unmanaged, INumberBase<T>
    {
        if (yStride != 1 || xStride is not (0 or 1))
        {
            for (int i = 0; i < count; i++, p += xStride, q += yStride) y[q] = add ? y[q] + x[p] : x[p];
            return;
        }
        var to = y.Slice(q, count);
        if (xStride == 1 && add) TensorPrimitives.Add(x.Slice(p, count), to, to);
        else if (xStride == 1) x.Slice(p, count).CopyTo(to);
        else if (add) TensorPrimitives.Add(to, x[p], to);
        else to.Fill(x[p]);
    }

    private static void TransposeBox<T>(StridedBox box, int across, Tensor x, int xStart, Tensor y, int yStart, bool add)
        where T : unmanaged, INumberBase<T>
    {
        const int Side = 64, TilesPerChunk = Workers.Grain / (Side * Side);
        BoxDimension rows = box.Outer[across], columns = box.Inner;
        int rowTiles = (rows.Size - 1) / Side + 1, columnTiles = (columns.Size - 1) / Side + 1, tiles = rowTiles * columnTiles;
        // Tiles walk over the rows, so only the runs of row 0 are starting points.
        int inside = 1;
        for (int i = across + 1; i < box.Outer.Count; i++) inside *= box.Outer[i].Size;
        // Narrow tiles are grouped, so that a chunk is worth handing to a thread.
        int perTile = Math.Min(Side, rows.Size) * Math.Min(Side, columns.Size);
        Workers.Split(box.Runs / rows.Size * tiles, Math.Max(TilesPerChunk, Workers.Grain / perTile), (start, count) =>
        {
            ReadOnlySpan<T> from = x.Raw<T>()[xStart..];
            Span<T> to = y.Raw<T>()[yStart..];
            for (int tile = start; tile < start + count; tile++)
            {
                int plane = tile / tiles, row = tile % tiles / columnTiles * Side, column = tile % columnTiles * Side;
                var (q, p, _) = box.Start(plane / inside * rows.Size * inside + plane % inside);
                Transpose.Tile(from[(p + row + column * columns.A)..], columns.A, to[(q + row * rows.Y + column * columns.Y)..], rows.Y, columns.Y,
                    Math.Min(Side, rows.Size - row), Math.Min(Side, columns.Size - column), add);
            }
        });
    }
}
