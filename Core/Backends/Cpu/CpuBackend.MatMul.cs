namespace MiniDL.Backends.Cpu;

// The matrix product. B is packed once into panels as wide as a register tile, and A block by block into panels as high as one, so
// that the tile reads both sequentially and transposes cost nothing in the inner loop (Goto and van de Geijn, "Anatomy of
// high-performance matrix multiplication", 2008). Panels are cut along the inner dimension so that one panel of B fits the L1 cache.
internal sealed unsafe partial class CpuBackend<V>
{
    private const int InnerBlock = 256, MaxBlockTiles = 8, MaxOwnTiles = 64, MaxOwnPanels = 8;

    /// <summary>The largest matrix, in values, that each thread packs for itself.</summary>
    private const int MaxOwn = 1 << 16;

    internal override void MatMul(Tensor a, Tensor b, Tensor c, int rows, int inner, int columns, bool transposeA = false, bool transposeB = false)
    {
        F(c).Clear();
        if (c.Count == 0 || inner == 0) return;
        var product = new Product(a, b, c, rows, inner, columns, transposeA, transposeB);
        bool smallA = rows * inner <= MaxOwn, smallB = inner * columns <= MaxOwn;
        // A large c, such as the gradient of weights, is better written in whole rows: the optimizer's threads share it so too.
        if (smallA && smallB && rows >= inner) MultiplyApart(product, byRows: true);
        else if (smallA && rows <= columns) MultiplyApart(product, byRows: false);
        else MultiplyTogether(product);
    }

    /// <summary>
    /// Each thread packs what it multiplies, all of the smaller matrix if need be, so that nothing is fetched from the cache of another: that takes
    /// longer than packing it.
    /// </summary>
    /// <param name="byRows">Whether the threads share the rows of c; otherwise its columns.</param>
    private static void MultiplyApart(Product product, bool byRows)
    {
        int tileRows = MatMulTile<V>.Rows, width = MatMulTile<V>.Columns, tiles = (product.Rows - 1) / tileRows + 1;
        int count = byRows ? tiles : product.Panels, blocks = Blocks(count, byRows ? MaxOwnTiles : MaxOwnPanels);
        Workers.Run(blocks, product.Work, block =>
        {
            int first = (int)((long)block * count / blocks), end = (int)((block + 1L) * count / blocks);
            var (firstRow, endRow) = byRows ? (first * tileRows, Math.Min(end * tileRows, product.Rows)) : (0, product.Rows);
            var (firstPanel, panels) = byRows ? (0, product.Panels) : (first, end - first);
            for (int k = 0; k < product.Inner; k += InnerBlock)
            {
                int depth = Math.Min(InnerBlock, product.Inner - k);
                float* panelsOfB = Scratch.Rent(ScratchUse.Weights, panels * width * depth);
                for (int panel = 0; panel < panels; panel++) product.PackB(firstPanel + panel, k, depth, panelsOfB + panel * width * depth);
                for (int row = firstRow; row < endRow; row += MaxBlockTiles * tileRows)
                    product.MultiplyBlock(row, Math.Min(MaxBlockTiles * tileRows, endRow - row), k, depth, panelsOfB, width * depth, firstPanel, panels);
            }
        });
    }

    /// <summary>All of B is packed first, by all threads; then they share the rows of A.</summary>
    private void MultiplyTogether(Product product)
    {
        int inner = product.Inner, panels = product.Panels, size = MatMulTile<V>.Columns * inner;
        var packed = Pool.Rent(DType.F32, panels * size);
        var values = new Tensor(packed, 0, [panels * size]);
        Workers.Split(panels, Math.Max(1, Workers.Grain / size), (start, count) =>
        {
            fixed (float* to = F(values))
                for (int panel = start; panel < start + count; panel++) product.PackB(panel, 0, inner, to + (nint)panel * size);
        });
        int allTiles = (product.Rows - 1) / MatMulTile<V>.Rows + 1, blocks = Blocks(allTiles, MaxBlockTiles);
        Workers.Run(blocks, product.Work, block =>
        {
            int tile = (int)((long)block * allTiles / blocks), end = (int)((block + 1L) * allTiles / blocks), row = tile * MatMulTile<V>.Rows;
            int height = Math.Min(end * MatMulTile<V>.Rows, product.Rows) - row;
            fixed (float* panelsOfB = F(values))
                for (int k = 0; k < inner; k += InnerBlock)
                    product.MultiplyBlock(row, height, k, Math.Min(InnerBlock, inner - k), panelsOfB + (nint)k * MatMulTile<V>.Columns, size, 0, panels);
        });
        Pool.Return(packed);
    }

    /// <summary>
    /// How many blocks of rows or columns there are: a multiple of the threads, so that none waits for another's last block. No bit of the result
    /// depends on it, since every tile is summed over the inner dimension in the same order, whichever block it is in.
    /// </summary>
    /// <param name="count">Tiles of rows, or panels of columns.</param>
    /// <param name="max">How many of them a block has at most.</param>
    private static int Blocks(int count, int max)
    {
        int threads = Workers.ThreadsHere ?? Workers.Threads, blocks = (count - 1) / max + 1;
        return Math.Min(count, (blocks + threads - 1) / threads * threads);
    }

    /// <summary>c += a · b; a is [rows, inner] or its transpose, b [inner, columns] or its transpose.</summary>
    private sealed class Product(Tensor a, Tensor b, Tensor c, int rows, int inner, int columns, bool transposeA, bool transposeB)
    {
        public int Rows => rows;

        public int Inner => inner;

        /// <summary>Panels of B, as wide as a tile; the last may extend past the last column.</summary>
        public int Panels => (columns - 1) / MatMulTile<V>.Columns + 1;

        /// <summary>Roughly what takes the time of as many values read and written.</summary>
        public long Work => (long)rows * columns * inner / 16;

        /// <summary>One panel of B, of <paramref name="depth"/> inner indices from k.</summary>
        public void PackB(int panel, int k, int depth, float* packed) =>
            PackPanel(F(b), transposeB, panel * MatMulTile<V>.Columns, columns, k, depth, inner, MatMulTile<V>.Columns,
                new Span<float>(packed, MatMulTile<V>.Columns * depth));

        /// <summary>
        /// Adds the products of a block of rows, at most <see cref="MaxBlockTiles"/> tiles, with packed panels of B, for
        /// <paramref name="depth"/> inner indices from k.
        /// </summary>
        /// <param name="panelsOfB">At k; one panel is <paramref name="panelStep"/> values after the other.</param>
        /// <param name="firstPanel">Which panel of B the first is.</param>
        public void MultiplyBlock(int first, int height, int k, int depth, float* panelsOfB, nint panelStep, int firstPanel, int panels)
        {
            int tileRows = MatMulTile<V>.Rows, width = MatMulTile<V>.Columns;
            float* panelsOfA = Scratch.Rent(ScratchUse.Panels, MaxBlockTiles * tileRows * InnerBlock);
            for (int row = 0; row < height; row += tileRows)
                PackPanel(F(a), !transposeA, first + row, rows, k, depth, inner, tileRows, new Span<float>(panelsOfA + row * depth, tileRows * depth));
            fixed (float* to = F(c))
                for (int panel = 0; panel < panels; panel++, panelsOfB += panelStep)
                    for (int row = 0; row < height; row += tileRows)
                    {
                        int column = (firstPanel + panel) * width;
                        MatMulTile<V>.Add(panelsOfA + row * depth, panelsOfB, depth, to + (nint)(first + row) * columns + column, columns,
                            Math.Min(tileRows, height - row), Math.Min(width, columns - column));
                    }
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
}
