// The one loop behind matrix products and the generic convolutions: out[i, j] = Σₖ a(i, k) · b(j, k), where a and b say for any index
// what the value is. Float multiplications and additions, no tensor cores: this is the exact version, for every shape and device.
//
// A block of 256 threads makes a tile of 64 × 64, each thread 4 × 4 of it in registers. 16 steps of k at a time go through shared
// memory (2 · 16 · 68 floats = 8.7 KB), while the next 16 are on their way from global memory to registers. In a step a thread reads 8
// floats from shared memory for its 16 multiplications: 128 bytes of shared memory for 64 per clock, so that at most half the peak of
// the float units is reached; the rest of the way, if it were worth it, is a larger tile.
#pragma once
#include "gpu.h"

constexpr int TILE = 64;
constexpr int DEPTH = 16;
constexpr int TILE_STRIDE = TILE + 4;  // keeps rows aligned to 16 bytes and spreads columns over the banks

/// One operand on its way into the tile. Neighbouring threads go along k where the operand's values are neighbours along k (ALONG_K),
/// else along the outer index. OPERAND has outer(i) and inner(k), which decompose an index once for many values, and value(outer, inner).
template <typename OPERAND, bool ALONG_K> struct TileLoader
{
    static constexpr int COUNT = TILE * DEPTH / BLOCK;  // values of a thread: as many outer indices, or as many k
    OPERAND operand;
    typename OPERAND::Outer outer[ALONG_K ? COUNT : 1];
    float values[COUNT];

    MEMBER TileLoader(const OPERAND& operand, int first) : operand(operand)
    {
#pragma unroll
        for (int i = 0; i < (ALONG_K ? COUNT : 1); i++) outer[i] = operand.outer(first + outer_index(i));
    }

    static MEMBER int outer_index(int i) { return ALONG_K ? thread_index() / DEPTH + i * (BLOCK / DEPTH) : thread_index() % TILE; }

    static MEMBER int k_index(int i) { return ALONG_K ? thread_index() % DEPTH : thread_index() / TILE + i * (BLOCK / TILE); }

    /// From global memory to registers; 0 beyond the last k.
    MEMBER void load(int k, int last)
    {
        if (ALONG_K)
        {
            auto inner = operand.inner(k + k_index(0));
            bool inside = k + k_index(0) < last;
#pragma unroll
            for (int i = 0; i < COUNT; i++) values[i] = inside ? operand.value(outer[i], inner) : 0;
        }
        else
#pragma unroll
            for (int i = 0; i < COUNT; i++)
                values[i] = k + k_index(i) < last ? operand.value(outer[0], operand.inner(k + k_index(i))) : 0;
    }

    /// From registers to shared memory, [k][outer].
    MEMBER void store(float* shared) const
    {
#pragma unroll
        for (int i = 0; i < COUNT; i++) shared[k_index(i) * TILE_STRIDE + outer_index(i)] = values[i];
    }
};

/// Adds up the tile whose first row and column are given over first ≤ k < last, and calls put(i, j, sum) for each of its places.
template <bool A_ALONG_K, bool B_ALONG_K, typename A, typename B, typename PUT>
DEVICE void tile_product(const A& a, const B& b, int row, int column, int first, int last, PUT put)
{
    SHARED(float, a_shared, DEPTH * TILE_STRIDE);
    SHARED(float, b_shared, DEPTH * TILE_STRIDE);
    TileLoader<A, A_ALONG_K> a_loader(a, row);
    TileLoader<B, B_ALONG_K> b_loader(b, column);
    int i0 = thread_index() / 16 * 4, j0 = thread_index() % 16 * 4;
    float sums[4][4] = {};
    a_loader.load(first, last);
    b_loader.load(first, last);
    for (int k = first; k < last; k += DEPTH)
    {
        a_loader.store(a_shared);
        b_loader.store(b_shared);
        barrier();
        if (k + DEPTH < last)
        {
            a_loader.load(k + DEPTH, last);
            b_loader.load(k + DEPTH, last);
        }
#pragma unroll
        for (int step = 0; step < DEPTH; step++)
        {
            Float4 u = *(const Float4*)(a_shared + step * TILE_STRIDE + i0), v = *(const Float4*)(b_shared + step * TILE_STRIDE + j0);
            float us[4] = { u.x, u.y, u.z, u.w }, vs[4] = { v.x, v.y, v.z, v.w };
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) sums[i][j] += us[i] * vs[j];
        }
        barrier();
    }
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) put(row + i0 + i, column + j0 + j, sums[i][j]);
}
