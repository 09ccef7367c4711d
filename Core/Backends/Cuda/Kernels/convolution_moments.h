// Mean and variance of each output channel of a convolution over all images and pixels, taken while the values are in registers: the
// statistics that batch normalization wants, without a launch and a pass over memory for them.
//
// Never from Σx and Σx²: whatever is put together brings its count, its mean and Σ (x − mean)², combined by Chan et al. 1979. A lane does so for
// the values of its warp, tile after tile; then a block for its four warps; then the last block to finish for all, in the blocks' order.
//
// A tile of 16 pixels × 32 channels costs 54 shuffles by the warp beside 144 products: some 10 % of the convolution. The last block reads 16
// bytes a block and channel, alone: so it is for small batches, whose blocks are few.
#pragma once
#include "columns.h"
#include "window.h"

/// Of some values: how many, their mean, and Σ (x − mean)².
struct Moments { float count, mean, squares; };

DEVICE Moments together(const Moments& a, const Moments& b)
{
    float count = a.count + b.count, share = count > 0 ? b.count / count : 0, apart = b.mean - a.mean;
    return { count, a.mean + apart * share, a.squares + b.squares + apart * apart * a.count * share };
}

/// Of the channels 8·j + 2·place + e of a warp, as multiply_add leaves them; the eight lanes with one place have the same.
template <int OUT> struct WarpMoments
{
    float count, mean[OUT / 8][2], squares[OUT / 8][2];
};

/// The sum over the eight lanes that have the same channels.
DEVICE float sum_of_place(float value)
{
    for (int mask = 4; mask < 32; mask *= 2) value += shuffle_xor(value, mask);
    return value;
}

/// Adds a warp's values of one tile, as they are stored; `inside` says which of the pixels there are.
template <int PIECES, int OUT>
DEVICE void add_tile(const float (&values)[PIECES][OUT / 8][4], const bool (&inside)[PIECES][2], WarpMoments<OUT>& so_far)
{
    float own = 0;
#pragma unroll
    for (int i = 0; i < PIECES * 2; i++) own += inside[i / 2][i % 2] ? 1 : 0;
    float count = sum_of_place(own);
    if (count == 0) return;
#pragma unroll
    for (int j = 0; j < OUT / 8; j++)
#pragma unroll
        for (int e = 0; e < 2; e++)
        {
            float sum = 0, squares = 0;
#pragma unroll
            for (int i = 0; i < PIECES * 2; i++)
                sum += inside[i / 2][i % 2] ? rounded<Value>(values[i / 2][j][i % 2 * 2 + e]) : 0;
            float mean = sum_of_place(sum) / count;
#pragma unroll
            for (int i = 0; i < PIECES * 2; i++)
            {
                float centred = inside[i / 2][i % 2] ? rounded<Value>(values[i / 2][j][i % 2 * 2 + e]) - mean : 0;
                squares += centred * centred;
            }
            Moments all = together({ so_far.count, so_far.mean[j][e], so_far.squares[j][e] }, { count, mean, sum_of_place(squares) });
            so_far.mean[j][e] = all.mean;
            so_far.squares[j][e] = all.squares;
        }
    so_far.count += count;
}

/// Those of every ROWS-th block from `row` on, put together in order; several are on their way at once.
template <int ROWS> DEVICE Moments of_blocks(const Float4* parts, int channels, int row, int chunks)
{
    constexpr int AT_ONCE = 16;
    Moments all = { 0, 0, 0 };
    for (int first = row; first < chunks; first += AT_ONCE * ROWS)
    {
        Float4 loaded[AT_ONCE];
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++)
        {
            int chunk = first + i * ROWS;
            loaded[i] = Float4 { 0, 0, 0, 0 };
            if (chunk < chunks) loaded[i] = load_fresh(parts + (i64)chunk * channels);
        }
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++) all = together(all, { loaded[i].x, loaded[i].y, loaded[i].z });
    }
    return all;
}

/// Leaves the block's moments in `partials`, [chunk][channel] of {count, mean, squares, 0}; the last of the `chunks` blocks that have the channels from
/// `first` on makes mean and variance of them.
template <int OUT, int THREADS>
DEVICE void finish_moments(const ConvArgs& args, int channels, int first, int chunk, const WarpMoments<OUT>& of_warp, void* shared)
{
    auto records = (Moments*)shared;
    int warp = thread_index() / 32, lane = thread_index() % 32, channel = thread_index() % OUT;
    if (warp < 4 && lane < 4)
#pragma unroll
        for (int i = 0; i < OUT / 4; i++)
            records[warp * OUT + i / 2 * 8 + lane * 2 + i % 2] = { of_warp.count, of_warp.mean[i / 2][i % 2], of_warp.squares[i / 2][i % 2] };
    barrier();
    auto partials = (Float4*)args.partials + first + channel;
    if (thread_index() < OUT)
    {
        Moments all = records[channel];
        for (int w = 1; w < 4; w++) all = together(all, records[w * OUT + channel]);
        partials[(i64)chunk * channels] = { all.count, all.mean, all.squares, 0 };
    }
    // The answer lies after the records: some threads may read it while others write theirs.
    if (!is_last_block(args.tickets + first / OUT, args.chunks, (int*)(records + THREADS))) return;
    constexpr int ROWS = THREADS / OUT;
    records[thread_index()] = of_blocks<ROWS>(partials, channels, thread_index() / OUT, args.chunks);
    barrier();
    if (thread_index() >= OUT) return;
    Moments all = records[channel];
    for (int row = 1; row < ROWS; row++) all = together(all, records[row * OUT + channel]);
    args.mean[first + channel] = all.mean;
    args.variance[first + channel] = all.squares / all.count;
}
