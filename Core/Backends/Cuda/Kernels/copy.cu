// Moving values between strided places: transposes, slices, pads, concatenations, changes of layout. Every value is read and written
// once; a copy of n values of 4 bytes takes 8·n bytes / 3.0 TB/s where both sides are read and written by whole lines of 128 bytes.
#include "gpu.h"

struct StridedArgs { const void* x; void* y; int count, rank; int sizes[8], x_strides[8], y_strides[8]; };
struct TransposeArgs { const u32* x; u32* y; int batch, rows, columns; };

/// Where value i of the box is in x and in y, from its index, the last dimension first.
DEVICE void locate(const StridedArgs& args, int i, int& x, int& y)
{
    x = 0;
    y = 0;
    for (int dim = args.rank - 1; dim >= 0; dim--)
    {
        int index = i % args.sizes[dim];
        i /= args.sizes[dim];
        x += index * args.x_strides[dim];
        y += index * args.y_strides[dim];
    }
}

template <typename T> DEVICE void copy_strided(const StridedArgs& args)
{
#pragma nounroll
    for (int k = 0, x, y; k < PER_THREAD; k++)
    {
        int i = (block_index() * PER_THREAD + k) * BLOCK + thread_index();
        if (i >= args.count) return;
        locate(args, i, x, y);
        ((T*)args.y)[y] = ((const T*)args.x)[x];
    }
}

template <typename T> DEVICE void add_strided(const StridedArgs& args)
{
#pragma nounroll
    for (int k = 0, x, y; k < PER_THREAD; k++)
    {
        int i = (block_index() * PER_THREAD + k) * BLOCK + thread_index();
        if (i >= args.count) return;
        locate(args, i, x, y);
        ((T*)args.y)[y] += ((const T*)args.x)[x];
    }
}

KERNEL(copy_strided_1, StridedArgs, BLOCK) { copy_strided<u8>(args); }
KERNEL(copy_strided_4, StridedArgs, BLOCK) { copy_strided<u32>(args); }
KERNEL(copy_strided_8, StridedArgs, BLOCK) { copy_strided<u64>(args); }
KERNEL(add_strided_f32, StridedArgs, BLOCK) { add_strided<float>(args); }
KERNEL(add_strided_f64, StridedArgs, BLOCK) { add_strided<double>(args); }
KERNEL(add_strided_i64, StridedArgs, BLOCK) { add_strided<i64>(args); }
KERNEL(add_strided_u8, StridedArgs, BLOCK) { add_strided<u8>(args); }

/// y[b][j][i] = x[b][i][j]. A block moves a tile of 32 × 32 through shared memory, so that both sides go along their lines; a row of
/// the tile has 33 places, so that a column of it lies in 32 different banks.
KERNEL(transpose_4, TransposeArgs, BLOCK)
{
    SHARED(u32, tile, 32 * 33);
    int tiles_across = (args.columns + 31) / 32, tiles_down = (args.rows + 31) / 32, block = block_index();
    int column = block % tiles_across * 32, row = block / tiles_across % tiles_down * 32;
    i64 matrix = (i64)(block / (tiles_across * tiles_down)) * args.rows * args.columns;
    int lane = thread_index() % 32, warp = thread_index() / 32;
    for (int i = warp; i < 32; i += BLOCK / 32)
        if (row + i < args.rows && column + lane < args.columns)
            tile[i * 33 + lane] = args.x[matrix + (i64)(row + i) * args.columns + column + lane];
    barrier();
    for (int j = warp; j < 32; j += BLOCK / 32)
        if (column + j < args.columns && row + lane < args.rows)
            args.y[matrix + (i64)(column + j) * args.rows + row + lane] = tile[lane * 33 + j];
}
