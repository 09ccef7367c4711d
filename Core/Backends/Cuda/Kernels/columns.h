// Sums over rows of a matrix, each column for itself: how the threads of a block share the work. `lanes` threads stand side by side on
// neighbouring columns, up to a warp, so that it reads whole lines, and BLOCK / lanes rows of threads take every so-many-th row.
#pragma once
#include "gpu.h"

struct Columns
{
    int lanes, rows;    // threads along a row, and rows of threads
    int lane, row;      // where this thread stands
    int tiles;          // how many blocks stand side by side

    /// The smallest power of two of lanes that holds the columns, or a warp.
    static MEMBER Columns of(int columns)
    {
        int lanes = 1;
        while (lanes < columns && lanes < 32) lanes *= 2;
        return { lanes, BLOCK / lanes, thread_index() % lanes, thread_index() / lanes, (columns + lanes - 1) / lanes };
    }
};

/// A thread's part of a long sum: add(i) for i = first, first + step, … below `last`, and carry() after every four of them and at the end. Four
/// values are added up in float, and what they come to in double, which rounds them by less than the float that the result becomes. A double for
/// each value would be two operations at half of a float's rate on GPUs of data centres, and at a 64th on all others.
template <typename ADD, typename CARRY> DEVICE void in_fours(int first, int last, int step, ADD add, CARRY carry)
{
    int i = first;
    for (; last - i > 3 * step; i += 4 * step)
    {
#pragma unroll
        for (int k = 0; k < 4; k++) add(i + k * step);
        carry();
    }
    for (; i < last; i += step) add(i);
    carry();
}

/// The sum of every column over the rows of threads, in all of them, by halves: the order is fixed. `shared` holds BLOCK doubles.
DEVICE double fold(const Columns& columns, double* shared, double value)
{
    shared[thread_index()] = value;
    barrier();
    for (int half = BLOCK / 2; half >= columns.lanes; half /= 2)
    {
        if (thread_index() < half) shared[thread_index()] += shared[thread_index() + half];
        barrier();
    }
    double sum = shared[columns.lane];
    barrier();
    return sum;
}

/// The sum over all threads of the block, in all of them.
DEVICE double block_sum(double* shared, double value) { return fold({ 1, BLOCK, 0, thread_index(), 1 }, shared, value); }

/// Whether this block is the last of `count` blocks to come here; what the others wrote before is then seen by load_fresh. The
/// counter starts as zero and is zero again afterwards. `last` is a place in shared memory.
DEVICE bool is_last_block(u32* counter, int count, int* last)
{
    fence();
    barrier();
    if (thread_index() == 0)
    {
        last[0] = take_ticket(counter) == (u32)count - 1;
        if (last[0]) *counter = 0;
    }
    barrier();
    fence();
    return last[0];
}

DEVICE bool is_last_block(u32* counter, int count)
{
    SHARED(int, last, 1);
    return is_last_block(counter, count, last);
}

/// How many chunks one thread of the last block puts together at most, so that all its loads are on their way at once. With 8 rows of
/// threads or more there are at most 128 chunks.
constexpr int CHUNKS_OF_THREAD = 16;

/// The thread's share of the chunks' pairs of values of its column, zeros where there are no more; pairs[chunk][stride].
DEVICE void load_chunks(const Columns& columns, const float* pairs, int stride, int chunks, bool inside, Float2 (&values)[CHUNKS_OF_THREAD])
{
#pragma unroll
    for (int k = 0; k < CHUNKS_OF_THREAD; k++)
    {
        int chunk = columns.row + k * columns.rows;
        values[k] = Float2 { 0, 0 };
        if (inside && chunk < chunks) values[k] = load_fresh((const Float2*)pairs + (i64)chunk * stride);
    }
}
