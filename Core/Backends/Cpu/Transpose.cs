using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MiniDL.Backends.Cpu;

/// <summary>Transposes of tiles that fit the first-level cache.</summary>
internal static unsafe class Transpose
{
    /// <summary>
    /// y[r·yRow + c·yColumn] = x[r + c·xColumn], or += if <paramref name="add"/>. Floats with yColumn = 1 go through
    /// registers in blocks of 4 × 4; everything else is copied one column at a time.
    /// </summary>
    public static void Tile<T>(ReadOnlySpan<T> x, int xColumn, Span<T> y, int yRow, int yColumn, int rows, int columns, bool add)
        where T : unmanaged, INumberBase<T>
    {
        int blockRows = 0, blockColumns = 0;
        if (typeof(T) == typeof(float) && Sse.IsSupported && yColumn == 1)
        {
            (blockRows, blockColumns) = (rows & ~3, columns & ~3);
            fixed (float* from = MemoryMarshal.Cast<T, float>(x), to = MemoryMarshal.Cast<T, float>(y))
                for (int r = 0; r < blockRows; r += 4)
                {
                    for (int c = 0; c < blockColumns; c += 4)
                        Block4x4(from + r + c * (nint)xColumn, xColumn, to + r * (nint)yRow + c, yRow, add);
                    // The last columns in a block that begins earlier: what it writes twice is the same.
                    if (!add && blockColumns > 0 && blockColumns < columns)
                        Block4x4(from + r + (columns - 4) * (nint)xColumn, xColumn, to + r * (nint)yRow + columns - 4, yRow, add);
                }
            if (!add && blockColumns > 0) blockColumns = columns;
        }
        for (int c = 0; c < columns; c++)
        {
            int first = c < blockColumns ? blockRows : 0, q = first * yRow + c * yColumn;
            if (first == rows) continue;
            var column = x.Slice(c * xColumn + first, rows - first);
            for (int r = 0; r < column.Length; r++, q += yRow) y[q] = add ? y[q] + column[r] : column[r];
        }
    }

    private static void Block4x4(float* x, nint xColumn, float* y, nint yRow, bool add)
    {
        Vector128<float> c0 = Vector128.Load(x), c1 = Vector128.Load(x + xColumn);
        Vector128<float> c2 = Vector128.Load(x + 2 * xColumn), c3 = Vector128.Load(x + 3 * xColumn);
        Vector128<float> low01 = Sse.UnpackLow(c0, c1), low23 = Sse.UnpackLow(c2, c3);
        Vector128<float> high01 = Sse.UnpackHigh(c0, c1), high23 = Sse.UnpackHigh(c2, c3);
        Store(y, Sse.MoveLowToHigh(low01, low23), add);
        Store(y + yRow, Sse.MoveHighToLow(low23, low01), add);
        Store(y + 2 * yRow, Sse.MoveLowToHigh(high01, high23), add);
        Store(y + 3 * yRow, Sse.MoveHighToLow(high23, high01), add);
    }

    private static void Store(float* y, Vector128<float> row, bool add) => (add ? Vector128.Load(y) + row : row).Store(y);
}
