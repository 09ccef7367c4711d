// Normalization of [samples, positions, channels] over the positions and the channels of a group: BN, IN, GN and LN alike, of any shape.
// Forward reads x once for the statistics (twice where a part of it does not fit the L1 cache), and once more for the output; backward
// reads dy, x and y twice. Statistics are centred sums, added up in double, four values at a time, in an order that depends on the shape alone.
#include "math.h"
#include "storage.h"
#include "columns.h"

struct MomentsArgs
{
    const Value* x;
    float *mean, *variance, *partials;
    u32* tickets;
    int samples, positions, channels, groups, chunks;
};

/// Mean and variance are given, but for group_norm, which takes them itself and leaves them there.
struct NormalizeArgs
{
    const Value* x;
    float *mean, *variance;
    const float *weight, *bias;
    const Value* residual;
    Value* y;
    int samples, positions, channels, groups;
    float eps;
    int relu;
};

struct NormalizeGradientArgs
{
    const Value *dy, *x, *y;
    const float *mean, *variance, *weight, *bias;
    Value* dx;
    float *dweight, *dbias;
    Value* dresidual;
    float *partials, *sums;
    u32* tickets;
    int samples, positions, channels, groups, chunks;
    float eps;
    int relu, constant;
};

/// What one block of columns works at: a chunk of the positions of one sample, and some neighbouring channels.
struct Part { int sample, chunk, tile, channel, first, last; };

DEVICE Part part_of(const Columns& columns, int positions, int chunks)
{
    int tile = block_index() % columns.tiles, chunk = block_index() / columns.tiles % chunks;
    int sample = block_index() / (columns.tiles * chunks), length = (positions + chunks - 1) / chunks, first = chunk * length;
    int last = first + length < positions ? first + length : positions;
    return { sample, chunk, tile, tile * columns.lanes + columns.lane, first, last };
}

// ---- statistics --------------------------------------------------------------------------------------------------------------

/// How many positions a chunk has; the last may have fewer, and those after it none.
DEVICE int chunk_count(int chunk, int length, int positions)
{
    int count = positions - chunk * length;
    return count < 0 ? 0 : count < length ? count : length;
}

/// Mean and centred squares of chunks, each from its own mean M2 = Σ(x − mean)², are put together by Chan et al. 1979: with the chunks'
/// counts nₖ, mean = Σ nₖ·meanₖ / n and M2 = Σ M2ₖ + nₖ·(meanₖ − mean)². The last block of a column to finish does it, in the chunks' order.
DEVICE void merge_chunks(const MomentsArgs& args, const Columns& columns, const Part& part, double* shared)
{
    bool inside = part.channel < args.channels;
    int length = (args.positions + args.chunks - 1) / args.chunks;
    Float2 chunks[CHUNKS_OF_THREAD];
    load_chunks(columns, args.partials + ((i64)part.sample * args.chunks * args.channels + part.channel) * 2, args.channels, args.chunks,
        inside, chunks);
    double sum = 0, squares = 0;
#pragma unroll
    for (int k = 0; k < CHUNKS_OF_THREAD; k++)
        sum += (double)chunk_count(columns.row + k * columns.rows, length, args.positions) * chunks[k].x;
    double mean = fold(columns, shared, sum) / args.positions;
#pragma unroll
    for (int k = 0; k < CHUNKS_OF_THREAD; k++)
    {
        double apart = chunks[k].x - mean;
        squares += chunks[k].y + chunk_count(columns.row + k * columns.rows, length, args.positions) * apart * apart;
    }
    squares = fold(columns, shared, squares);
    if (columns.row != 0 || !inside) return;
    args.mean[part.sample * args.channels + part.channel] = (float)mean;
    args.variance[part.sample * args.channels + part.channel] = (float)(squares / args.positions);
}

/// Where every channel is a group of its own (BN, IN). A block goes through its chunk twice, the second time in the cache.
VALUE_KERNEL(moments_columns, MomentsArgs, BLOCK)
{
    SHARED(double, shared, BLOCK);
    Columns columns = Columns::of(args.channels);
    Part part = part_of(columns, args.positions, args.chunks);
    const Value* x = args.x + (i64)part.sample * args.positions * args.channels + part.channel;
    int first = part.first + columns.row, last = part.channel < args.channels ? part.last : 0;
    double sum = 0, squares = 0;
    float some = 0;
    in_fours(first, last, columns.rows, [&](int position) { some += load(x + (i64)position * args.channels); }, [&] { sum += some; some = 0; });
    int count = part.last - part.first;
    float mean = (float)(fold(columns, shared, sum) / (count > 0 ? count : 1));
    in_fours(first, last, columns.rows, [&](int position)
    {
        float centred = load(x + (i64)position * args.channels) - mean;
        some += centred * centred;
    }, [&] { squares += some; some = 0; });
    squares = fold(columns, shared, squares);
    bool writes = columns.row == 0 && part.channel < args.channels;
    if (args.chunks == 1)
    {
        if (!writes) return;
        args.mean[part.sample * args.channels + part.channel] = mean;
        args.variance[part.sample * args.channels + part.channel] = (float)(squares / args.positions);
        return;
    }
    if (writes)
    {
        float* partial = args.partials + (((i64)part.sample * args.chunks + part.chunk) * args.channels + part.channel) * 2;
        partial[0] = mean;
        partial[1] = (float)squares;
    }
    if (is_last_block(args.tickets + part.sample * columns.tiles + part.tile, args.chunks)) merge_chunks(args, columns, part, shared);
}

/// Where a group has several channels (GN, LN): a block for each statistic.
VALUE_KERNEL(moments_groups, MomentsArgs, BLOCK)
{
    SHARED(double, shared, BLOCK);
    int width = args.channels / args.groups, count = args.positions * width;
    int sample = block_index() / args.groups, group = block_index() % args.groups;
    const Value* x = args.x + (i64)sample * args.positions * args.channels + group * width;
    double sum = 0, squares = 0;
    float some = 0;
    auto value = [&](int i) { return load(x + (i64)(i / width) * args.channels + i % width); };
    in_fours(thread_index(), count, BLOCK, [&](int i) { some += value(i); }, [&] { sum += some; some = 0; });
    float mean = (float)(block_sum(shared, sum) / count);
    in_fours(thread_index(), count, BLOCK, [&](int i) { some += (value(i) - mean) * (value(i) - mean); }, [&] { squares += some; some = 0; });
    squares = block_sum(shared, squares);
    if (thread_index() != 0) return;
    args.mean[block_index()] = mean;
    args.variance[block_index()] = (float)(squares / count);
}

// ---- output ------------------------------------------------------------------------------------------------------------------

/// Where value i belongs: its channel, and its statistic.
struct Place { int channel, statistic; };

template <typename ARGS> DEVICE Place place_of(const ARGS& args, int i)
{
    int channel = i % args.channels, sample = i / args.channels / args.positions;
    return { channel, sample * args.groups + channel / (args.channels / args.groups) };
}

/// y = act((x − mean) / √(variance + eps) · weight + bias + residual).
VALUE_KERNEL(normalize, NormalizeArgs, BLOCK)
{
    int count = args.samples * args.positions * args.channels, start = block_index() * BLOCK * PER_THREAD + thread_index();
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++)
    {
        int i = start + k * BLOCK;
        if (i >= count) return;
        Place at = place_of(args, i);
        float value = (load(args.x + i) - args.mean[at.statistic]) / square_root(args.variance[at.statistic] + args.eps);
        if (args.weight != nullptr) value *= args.weight[at.channel];
        if (args.bias != nullptr) value += args.bias[at.channel];
        if (args.residual != nullptr) value += load(args.residual + i);
        store(args.y + i, args.relu && value < 0 ? 0 : value);
    }
}

// ---- gradients ---------------------------------------------------------------------------------------------------------------

/// g, what the activation let pass of dy, and x̂, the normalized value.
struct Passed { float gradient, normalized; };

DEVICE Passed passed(const NormalizeGradientArgs& args, i64 i, float mean, float scale)
{
    float gradient = args.relu && !(load(args.y + i) > 0) ? 0 : load(args.dy + i);
    return { gradient, (load(args.x + i) - mean) * scale };
}

/// The sums of a channel over all chunks, where it is a group of its own and there is one sample: batch normalization's.
DEVICE void finish_channel(const NormalizeGradientArgs& args, const Columns& columns, const Part& part, double* shared)
{
    bool inside = part.channel < args.channels;
    Float2 chunks[CHUNKS_OF_THREAD];
    load_chunks(columns, args.partials + part.channel * 2, args.channels, args.chunks, inside, chunks);
    double sum = 0, product = 0;
#pragma unroll
    for (int k = 0; k < CHUNKS_OF_THREAD; k++)
    {
        sum += chunks[k].x;
        product += chunks[k].y;
    }
    sum = fold(columns, shared, sum);
    product = fold(columns, shared, product);
    if (columns.row != 0 || !inside) return;
    double weight = args.weight != nullptr ? args.weight[part.channel] : 1;
    args.sums[part.channel * 2] = (float)(weight * sum);
    args.sums[part.channel * 2 + 1] = (float)(weight * product);
    if (args.dbias != nullptr) args.dbias[part.channel] = (float)sum;
    if (args.dweight != nullptr) args.dweight[part.channel] = (float)product;
}

/// Σ g and Σ g·x̂ for every channel of every chunk of a sample. With tickets, for batch normalization, the last block of a channel to finish
/// adds the chunks up; else `normalize_gradient_sums` does.
VALUE_KERNEL(normalize_gradient_partials, NormalizeGradientArgs, BLOCK)
{
    SHARED(double, shared, BLOCK);
    Columns columns = Columns::of(args.channels);
    Part part = part_of(columns, args.positions, args.chunks);
    bool inside = part.channel < args.channels;
    double sum = 0, product = 0;
    if (inside)
    {
        int statistic = part.sample * args.groups + part.channel / (args.channels / args.groups);
        float mean = args.mean[statistic], scale = 1 / square_root(args.variance[statistic] + args.eps);
        i64 start = (i64)part.sample * args.positions * args.channels + part.channel;
        float some = 0, some_product = 0;
        in_fours(part.first + columns.row, part.last, columns.rows, [&](int position)
        {
            Passed p = passed(args, start + (i64)position * args.channels, mean, scale);
            some += p.gradient;
            some_product += p.gradient * p.normalized;
        }, [&] { sum += some; product += some_product; some = some_product = 0; });
    }
    sum = fold(columns, shared, sum);
    product = fold(columns, shared, product);
    if (columns.row == 0 && inside)
    {
        float* partial = args.partials + (((i64)part.sample * args.chunks + part.chunk) * args.channels + part.channel) * 2;
        partial[0] = (float)sum;
        partial[1] = (float)product;
    }
    if (args.tickets != nullptr && is_last_block(args.tickets + part.tile, args.chunks)) finish_channel(args, columns, part, shared);
}

/// The first blocks, one for each statistic: Σ ĝ and Σ ĝ·x̂ over the group, ĝ = g·weight. The others, one for each channel: dbias = Σ g and
/// dweight = Σ g·x̂ over all samples.
VALUE_KERNEL(normalize_gradient_sums, NormalizeGradientArgs, BLOCK)
{
    SHARED(double, shared, BLOCK);
    int statistics = args.samples * args.groups, width = args.channels / args.groups;
    bool is_statistic = block_index() < statistics;
    int sample = is_statistic ? block_index() / args.groups : 0;
    int channel = is_statistic ? block_index() % args.groups * width : block_index() - statistics;
    if (!is_statistic) width = 1;
    int rows = is_statistic ? args.chunks : args.samples * args.chunks;
    const float* partials = args.partials + ((i64)sample * args.chunks * args.channels + channel) * 2;
    double sum = 0, product = 0;
    for (int i = thread_index(); i < rows * width; i += BLOCK)
    {
        i64 at = ((i64)(i / width) * args.channels + i % width) * 2;
        double weight = is_statistic && args.weight != nullptr ? args.weight[channel + i % width] : 1;
        sum += weight * partials[at];
        product += weight * partials[at + 1];
    }
    sum = block_sum(shared, sum);
    product = block_sum(shared, product);
    if (thread_index() != 0) return;
    if (is_statistic)
    {
        args.sums[block_index() * 2] = (float)sum;
        args.sums[block_index() * 2 + 1] = (float)product;
        return;
    }
    if (args.dbias != nullptr) args.dbias[channel] = (float)sum;
    if (args.dweight != nullptr) args.dweight[channel] = (float)product;
}

/// dx = (ĝ − mean(ĝ) − x̂·mean(ĝ·x̂)) · invstd, the means over the group; ĝ·invstd where the statistics are constants. dresidual = g.
VALUE_KERNEL(normalize_gradient, NormalizeGradientArgs, BLOCK)
{
    int count = args.samples * args.positions * args.channels, start = block_index() * BLOCK * PER_THREAD + thread_index();
    float fraction = 1.0f / ((float)args.positions * (args.channels / args.groups));
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++)
    {
        int i = start + k * BLOCK;
        if (i >= count) return;
        Place at = place_of(args, i);
        float scale = 1 / square_root(args.variance[at.statistic] + args.eps);
        Passed p = passed(args, i, args.mean[at.statistic], scale);
        if (args.dresidual != nullptr) store(args.dresidual + i, p.gradient);
        if (args.dx == nullptr) continue;
        float gradient = args.weight != nullptr ? p.gradient * args.weight[at.channel] : p.gradient;
        if (!args.constant)
            gradient -= (args.sums[at.statistic * 2] + p.normalized * args.sums[at.statistic * 2 + 1]) * fraction;
        store(args.dx + i, gradient * scale);
    }
}
