using System.Runtime.CompilerServices;
using static MiniDL.Backends.Cpu.Convolution.WinogradPoints;

namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// The input transform v = Bᵀ x B of one tile and one vector of channels, a group of points at a time: the two rows of points are made from the
/// columns of x and stay in twelve registers until each has been transformed along the row. Reading x once for every group takes less time
/// than writing what the first pass makes and reading it again.
/// </summary>
internal static unsafe class WinogradInput<V> where V : unmanaged, ISimd<V>
{
    /// <summary>One group of points of all tiles of a row, a tile's channels following those of the tile before it.</summary>
    /// <param name="pixels">The row's entries of <see cref="WinogradTiles.PixelRows(int, int, float**)"/>.</param>
    /// <param name="v">The group's points, <paramref name="vStep"/> apart.</param>
    /// <param name="fetch">Takes a step at each tile.</param>
    public static void Run(int group, in WinogradTiles tiles, float** pixels, float* v, nint vStep, ref Fetch<V> fetch)
    {
        for (int tile = 0; tile < tiles.Columns; tile++, v += tiles.Channels)
        {
            var (from, to) = tiles.Inside(tile);
            for (int c = 0; c < tiles.Channels; c += V.Count) Run(group, pixels, tile * tiles.Step + c, tiles.Channels, from, to, v + c, vStep);
            fetch.Step();
        }
    }

    /// <summary>One group of points of the tile whose pixel (i, j) is at <c>rows[i] + at + j·step</c>.</summary>
    /// <param name="from">The first column that is inside the image; those before it are zeros.</param>
    /// <param name="to">The end of the columns that are inside the image.</param>
    /// <param name="v">The group's points, <paramref name="vStep"/> apart.</param>
    private static void Run(int group, float** rows, nint at, nint step, int from, int to, float* v, nint vStep)
    {
        if (group == 0) Ends(rows, at, step, from, to, v, vStep);
        else if (group == 1) Pair(A, B2, rows, at, step, from, to, v, vStep);
        else Pair(B, A2, rows, at, step, from, to, v, vStep);
    }

    /// <summary>The rows of the points 0 and ∞.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Ends(float** rows, nint at, nint step, int from, int to, float* v, nint vStep)
    {
        Ends(rows, at, from <= 0, out V a0, out V b0);
        Ends(rows, at + step, from <= 1 && to > 1, out V a1, out V b1);
        Ends(rows, at + 2 * step, to > 2, out V a2, out V b2);
        Ends(rows, at + 3 * step, to > 3, out V a3, out V b3);
        Ends(rows, at + 4 * step, to > 4, out V a4, out V b4);
        Ends(rows, at + 5 * step, to > 5, out V a5, out V b5);
        Row(a0, a1, a2, a3, a4, a5, v, vStep);
        Row(b0, b1, b2, b3, b4, b5, v + Inputs * vStep, vStep);
    }

    /// <summary>The rows of the points ±<paramref name="at1"/>.</summary>
    /// <param name="other2">The square of the other pair of points.</param>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Pair(float at1, float other2, float** rows, nint at, nint step, int from, int to, float* v, nint vStep)
    {
        V plus = V.All(at1), minus = V.All(-at1), other = V.All(-other2);
        Pair(plus, minus, other, rows, at, from <= 0, out V a0, out V b0);
        Pair(plus, minus, other, rows, at + step, from <= 1 && to > 1, out V a1, out V b1);
        Pair(plus, minus, other, rows, at + 2 * step, to > 2, out V a2, out V b2);
        Pair(plus, minus, other, rows, at + 3 * step, to > 3, out V a3, out V b3);
        Pair(plus, minus, other, rows, at + 4 * step, to > 4, out V a4, out V b4);
        Pair(plus, minus, other, rows, at + 5 * step, to > 5, out V a5, out V b5);
        Row(a0, a1, a2, a3, a4, a5, v, vStep);
        Row(b0, b1, b2, b3, b4, b5, v + Inputs * vStep, vStep);
    }

    /// <summary>The points 0 and ∞ of a column of six values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Ends(float** rows, nint at, bool inside, out V zero, out V infinity)
    {
        if (!inside)
        {
            zero = infinity = V.Zero;
            return;
        }
        V sum = V.All(-(A2 + B2)), product = V.All(A2 * B2);
        zero = V.MultiplyAdd(product, V.Load(rows[0] + at), V.MultiplyAdd(sum, V.Load(rows[2] + at), V.Load(rows[4] + at)));
        infinity = V.MultiplyAdd(product, V.Load(rows[1] + at), V.MultiplyAdd(sum, V.Load(rows[3] + at), V.Load(rows[5] + at)));
    }

    /// <summary>The points of a pair, of a column of six values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pair(V plus, V minus, V other, float** rows, nint at, bool inside, out V atPlus, out V atMinus)
    {
        if (!inside)
        {
            atPlus = atMinus = V.Zero;
            return;
        }
        V even = V.MultiplyAdd(other, V.Load(rows[2] + at), V.Load(rows[4] + at));
        V odd = V.MultiplyAdd(other, V.Load(rows[1] + at), V.Load(rows[3] + at));
        atPlus = V.MultiplyAdd(plus, odd, even);
        atMinus = V.MultiplyAdd(minus, odd, even);
    }

    /// <summary>Six values to six: the polynomials of Lagrange's basis; even and odd parts are shared between ±A and ±B.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(V d0, V d1, V d2, V d3, V d4, V d5, float* v, nint step)
    {
        V sum = V.All(-(A2 + B2)), product = V.All(A2 * B2);
        V evenA = V.MultiplyAdd(V.All(-B2), d2, d4), oddA = V.MultiplyAdd(V.All(-B2), d1, d3);
        V evenB = V.MultiplyAdd(V.All(-A2), d2, d4), oddB = V.MultiplyAdd(V.All(-A2), d1, d3);
        V.MultiplyAdd(product, d0, V.MultiplyAdd(sum, d2, d4)).Store(v);
        V.MultiplyAdd(V.All(A), oddA, evenA).Store(v + step);
        V.MultiplyAdd(V.All(-A), oddA, evenA).Store(v + 2 * step);
        V.MultiplyAdd(V.All(B), oddB, evenB).Store(v + 3 * step);
        V.MultiplyAdd(V.All(-B), oddB, evenB).Store(v + 4 * step);
        V.MultiplyAdd(product, d1, V.MultiplyAdd(sum, d3, d5)).Store(v + 5 * step);
    }
}
