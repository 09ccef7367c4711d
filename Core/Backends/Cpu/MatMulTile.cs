namespace MiniDL.Backends.Cpu;

/// <summary>
/// The register tile of the matrix product: 6 rows × 2 registers of columns in 12 registers; with two for B and one for A
/// it fits the 16 of AVX2. Each inner index takes 2 loads, 6 broadcasts and 12 FMAs, which hide each other's latency.
/// </summary>
internal static unsafe class MatMulTile<V> where V : unmanaged, ISimd<V>
{
    public const int Rows = 6;

    public static int Columns => 2 * V.Count;

    /// <summary>c[i, j] += Σₖ a[k, i] · b[k, j] for the first rows and columns of the tile; a and b are packed panels.</summary>
    public static void Add(float* a, float* b, int depth, float* c, nint stride, int rows, int columns)
    {
        if (rows == Rows && columns == Columns)
        {
            AddWhole(a, b, depth, c, stride);
            return;
        }
        // A tile that extends past the edge is computed whole in a buffer of its own.
        float* whole = stackalloc float[Rows * 2 * 16];
        new Span<float>(whole, Rows * Columns).Clear();
        AddWhole(a, b, depth, whole, Columns);
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++) c[i * stride + j] += whole[i * Columns + j];
    }

    private static void AddWhole(float* a, float* b, int depth, float* c, nint stride)
    {
        V c00 = V.All(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
        V c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
        for (int k = 0; k < depth; k++, a += Rows, b += 2 * V.Count)
        {
            V b0 = V.Load(b), b1 = V.Load(b + V.Count);
            V row = V.All(a[0]);
            (c00, c01) = (V.MultiplyAdd(row, b0, c00), V.MultiplyAdd(row, b1, c01));
            row = V.All(a[1]);
            (c10, c11) = (V.MultiplyAdd(row, b0, c10), V.MultiplyAdd(row, b1, c11));
            row = V.All(a[2]);
            (c20, c21) = (V.MultiplyAdd(row, b0, c20), V.MultiplyAdd(row, b1, c21));
            row = V.All(a[3]);
            (c30, c31) = (V.MultiplyAdd(row, b0, c30), V.MultiplyAdd(row, b1, c31));
            row = V.All(a[4]);
            (c40, c41) = (V.MultiplyAdd(row, b0, c40), V.MultiplyAdd(row, b1, c41));
            row = V.All(a[5]);
            (c50, c51) = (V.MultiplyAdd(row, b0, c50), V.MultiplyAdd(row, b1, c51));
        }
        AddRow(c, c00, c01);
        AddRow(c + stride, c10, c11);
        AddRow(c + 2 * stride, c20, c21);
        AddRow(c + 3 * stride, c30, c31);
        AddRow(c + 4 * stride, c40, c41);
        AddRow(c + 5 * stride, c50, c51);
    }

    private static void AddRow(float* c, V left, V right)
    {
        (V.Load(c) + left).Store(c);
        (V.Load(c + V.Count) + right).Store(c + V.Count);
    }
}
