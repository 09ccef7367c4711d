namespace MiniDL.Backends.Cpu;

// The matrix product. B is packed once into panels as wide as a register tile, and A block by block into panels as high as one, so
// that the tile reads both sequentially and transposes cost nothing in the inner loop (Goto and van de Geijn, "Anatomy of
// high-performance matrix multiplication", 2008). Panels are cut along the inner dimension so that one panel of B fits the L1 cache.
internal sealed unsafe partial class CpuBackend<V>
{
    private const int InnerBlock = 256, MaxBlockTiles = 8;

    internal override void MatMul(Tensor a, Tensor b, Tensor c, int rows, int inner, int columns, bool transposeA = false, bool transposeB = false)
    {
        F(c).Clear();
        if (c.Count == 0 || inner == 0) return;
        int width = MatMulTile<V>.Columns, panels = (columns - 1) / width + 1;
        var rented = Pool.Rent(DType.F32, panels * width * inner);
        var packed = new Tensor(rented, 0, [panels, inner, width]);
        Workers.Split(panels, Math.Max(1, Workers.Grain / (width * inner)), (start, count) =>
        {
            for (int panel = start; panel < start + count; panel++)
                PackPanel(F(b), transposeB, panel * width, columns, 0, inner, inner, width, F(packed).Slice(panel * width * inner, width * inner));
        });
        int allTiles = (rows - 1) / MatMulTile<V>.Rows + 1, blocks = Blocks(allTiles);
        Workers.Run(blocks, (long)rows * columns * inner / 16, block =>
        {
            int firstTile = (int)((long)block * allTiles / blocks), tiles = (int)((block + 1L) * allTiles / blocks) - firstTile;
            int first = firstTile * MatMulTile<V>.Rows, height = Math.Min(tiles * MatMulTile<V>.Rows, rows - first);
            fixed (float* panelsOfB = F(packed), to = F(c))
                for (int k = 0; k < inner; k += InnerBlock)
                {
                    int depth = Math.Min(InnerBlock, inner - k);
                    float* panelsOfA = Scratch.Rent(ScratchUse.Panels, MaxBlockTiles * MatMulTile<V>.Rows * InnerBlock);
                    for (int tile = 0; tile < tiles; tile++)
                        PackPanel(F(a), !transposeA, first + tile * MatMulTile<V>.Rows, rows, k, depth, inner, MatMulTile<V>.Rows,
                            new Span<float>(panelsOfA + tile * MatMulTile<V>.Rows * depth, MatMulTile<V>.Rows * depth));
                    for (int panel = 0; panel < panels; panel++)
                        for (int tile = 0; tile < tiles; tile++)
                        {
                            int row = tile * MatMulTile<V>.Rows, column = panel * width;
                            MatMulTile<V>.Add(panelsOfA + row * depth, panelsOfB + ((nint)panel * inner + k) * width, depth,
                                to + (nint)(first + row) * columns + column, columns, Math.Min(MatMulTile<V>.Rows, height - row),
                                Math.Min(width, columns - column));
                        }
                }
        });
        Pool.Return(rented);
    }

    /// <summary>
    /// How many blocks of rows there are: a multiple of the threads, so that none waits for another's last block. No bit of the result
    /// depends on it, since every tile is summed over the inner dimension in the same order, whichever block it is in.
    /// </summary>
    private static int Blocks(int tiles)
    {
        int threads = Workers.ThreadsHere ?? Workers.Threads, blocks = (tiles - 1) / MaxBlockTiles + 1;
        return Math.Min(tiles, (blocks + threads - 1) / threads * threads);
    }

    /// <summary>
    /// packed[k, i] = the matrix at inner index start + k and outer index first + i, for i up to width; 0 past the last row or column.
    /// </summary>
    /// <param name="alongInner">Whether the inner dimension is the contiguous one in memory.</param>
    private static void PackPanel(ReadOnlySpan<float> matrix, bool alongInner, int first, int outer, int start, int depth, int inner,
        int width, Span<float> packed)
    {
        int used = Math.Min(width, outer - first);
        if (used < width) packed.Clear();
        if (alongInner)
            Transpose.Tile(matrix[(first * inner + start)..], inner, packed, width, 1, depth, used, add: false);
        else
            for (int k = 0; k < depth; k++) matrix.Slice((start + k) * outer + first, used).CopyTo(packed[(k * width)..]);
    }
}
