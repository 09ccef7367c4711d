// Matrix products of any size and either transpose, exact in float. The head of a ResNet has 128 × 64 × 10: a few blocks, and the
// time of a launch and of the way through memory.
#include "gpu.h"
#include "tile.h"

struct MatmulArgs { const float *a, *b; float* c; int rows, inner, columns, a_row, a_inner, b_inner, b_column; };

/// A matrix by its strides; outside of it are zeros.
struct StridedOperand
{
    typedef i64 Outer;
    typedef i64 Inner;
    const float* values;
    int count, outer_stride, inner_stride;

    MEMBER i64 outer(int i) const { return i < count ? (i64)i * outer_stride : -1; }
    MEMBER i64 inner(int k) const { return (i64)k * inner_stride; }
    MEMBER float value(i64 outer, i64 inner) const { return outer < 0 ? 0 : values[outer + inner]; }
};

/// c[i, j] = Σₖ a[i, k] · b[k, j].
template <bool A_ALONG_K, bool B_ALONG_K> DEVICE void matmul(const MatmulArgs& args)
{
    StridedOperand a { args.a, args.rows, args.a_row, args.a_inner }, b { args.b, args.columns, args.b_column, args.b_inner };
    int across = (args.columns + TILE - 1) / TILE, row = block_index() / across * TILE, column = block_index() % across * TILE;
    float* c = args.c;
    int rows = args.rows, columns = args.columns;
    tile_product<A_ALONG_K, B_ALONG_K>(a, b, row, column, 0, args.inner, [=](int i, int j, float sum)
    {
        if (i < rows && j < columns) c[(i64)i * columns + j] = sum;
    });
}

KERNEL(matmul, MatmulArgs, BLOCK)
{
    // Each operand is read along the index in which its values are neighbours.
    bool a_along_k = args.a_inner == 1, b_along_k = args.b_inner == 1;
    if (a_along_k && b_along_k) matmul<true, true>(args);
    else if (a_along_k) matmul<true, false>(args);
    else if (b_along_k) matmul<false, true>(args);
    else matmul<false, false>(args);
}
