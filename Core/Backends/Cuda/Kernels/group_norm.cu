// Group normalization in one launch each way: its statistics are of one image, and an image of a CIFAR ResNet fits the registers of a
// block: 32 × 32 × 16 floats are 32 for each of 512 threads. So x is read once, its mean is taken, then the squares around the mean, then
// the output is written, nothing having left the registers. Backward likewise: dy, x and y are read once.
//
// A thread has eight times four values, `threads` apart, of four neighbouring channels, always the same ones. Sums over the threads of the
// same channels go through shuffles, then, warp after warp, through shared memory; a group's sum is that of its channels.
//
// Batch 128 of 16 channels moves 16.8 MB of floats forward, 33.5 MB backward. Small batches are one round trip to memory each, where the
// generic kernels need 2 and 3 launches.
#include "storage.h"
#include "columns.h"

constexpr int PIECES = 8;            // fours of values that a thread has
constexpr int MOST_THREADS = 512;    // so that a thread can have 128 registers: the gradient holds two images, and takes 113
constexpr int MOST_CHANNELS = 64;    // so that a warp spans the channels, and what the images left, two values each

/// What the threads of a block stand for: their channels, and which of the image's values they have.
struct ImageThreads
{
    int threads, values, lanes, channel, width, sample;

    template <typename ARGS> static MEMBER ImageThreads of(const ARGS& args)
    {
        int lanes = args.channels / 4, values = args.positions * lanes, threads = (values + PIECES - 1) / PIECES;
        // As the launch: whole warps.
        threads = (threads + 31) / 32 * 32;
        return { threads, values, lanes, thread_index() % lanes * 4, args.channels / args.groups, block_index() };
    }

    /// Piece k of this thread, counted in fours from the image's start, and whether there is one.
    MEMBER int piece(int k) const { return thread_index() + k * threads; }
    MEMBER bool has(int k) const { return piece(k) < values; }
};

/// Sums of two times four channels over the whole image, for each channel in shared memory: channel_sums[2][MOST_CHANNELS].
DEVICE void sum_channels(const ImageThreads& at, Float4 a, Float4 b, float* warp_sums, float* channel_sums)
{
    for (int mask = at.lanes; mask < 32; mask *= 2)
    {
        a = a + Float4 { shuffle_xor(a.x, mask), shuffle_xor(a.y, mask), shuffle_xor(a.z, mask), shuffle_xor(a.w, mask) };
        b = b + Float4 { shuffle_xor(b.x, mask), shuffle_xor(b.y, mask), shuffle_xor(b.z, mask), shuffle_xor(b.w, mask) };
    }
    int warp = thread_index() / 32, lane = thread_index() % 32, channels = at.lanes * 4;
    if (lane < at.lanes)
    {
        *(Float4*)(warp_sums + warp * 2 * channels + lane * 4) = a;
        *(Float4*)(warp_sums + (warp * 2 + 1) * channels + lane * 4) = b;
    }
    barrier();
    for (int i = thread_index(); i < 2 * channels; i += at.threads)
    {
        float sum = 0;
#pragma unroll 1
        for (int w = 0; w < at.threads / 32; w++) sum += warp_sums[w * 2 * channels + i];
        channel_sums[i / channels * MOST_CHANNELS + i % channels] = sum;
    }
    barrier();
}

/// For each channel the sum over the channels of its group, from channel_sums, in the same places of group_sums. Made once: in every thread
/// the bounds of its four groups would take a quarter of its registers.
DEVICE void sum_groups(const ImageThreads& at, const float* channel_sums, float* group_sums)
{
    int channels = at.lanes * 4;
#pragma unroll 1
    for (int i = thread_index(); i < 2 * channels; i += at.threads)
    {
        int which = i / channels * MOST_CHANNELS, channel = i % channels, first = channel / at.width * at.width;
        float sum = 0;
#pragma unroll 1
        for (int c = first; c < first + at.width; c++) sum += channel_sums[which + c];
        group_sums[which + channel] = sum;
    }
    barrier();
}

/// The first channel of each group writes its statistic.
DEVICE void store_statistics(const ImageThreads& at, float* statistics, const Float4& values)
{
    if (thread_index() >= at.lanes) return;
    float of[4] = { values.x, values.y, values.z, values.w };
#pragma unroll
    for (int i = 0; i < 4; i++)
        if ((at.channel + i) % at.width == 0) statistics[at.sample * (at.lanes * 4 / at.width) + (at.channel + i) / at.width] = of[i];
}

DEVICE Float4 divided(const Float4& a, float by) { return { a.x / by, a.y / by, a.z / by, a.w / by }; }

/// Statistics and output of an image a block.
VALUE_KERNEL(group_norm, NormalizeArgs, MOST_THREADS)
{
    SHARED(float, warp_sums, MOST_THREADS / 32 * 2 * MOST_CHANNELS);
    SHARED(float, channel_sums, 2 * MOST_CHANNELS);
    ImageThreads at = ImageThreads::of(args);
    i64 start = (i64)at.sample * args.positions * args.channels;
    Float4 x[PIECES], sum = all(0), squares = all(0), rest = all(0);
#pragma unroll
    for (int k = 0; k < PIECES; k++)
    {
        x[k] = at.has(k) ? load4(args.x + start + at.piece(k) * 4) : all(0);
        sum = sum + x[k];
    }
    sum_channels(at, sum, all(0), warp_sums, channel_sums);
    sum_groups(at, channel_sums, warp_sums);
    float count = (float)args.positions * at.width;
    // Divided: a product could be fused with the subtraction below in one place and not in another.
    Float4 fraction = all(1.0f / count), mean = divided(load4(warp_sums + at.channel), count);
#pragma unroll
    for (int k = 0; k < PIECES; k++)
    {
        x[k] = x[k] - mean;
        if (!at.has(k)) continue;
        squares = squares + x[k] * x[k];
        rest = rest + x[k];
    }
    barrier();
    sum_channels(at, squares, rest, warp_sums, channel_sums);
    sum_groups(at, channel_sums, warp_sums);
    // What the sum's rounding left of the mean: of equal values the mean is then that value, to the last bit.
    rest = divided(load4(warp_sums + MOST_CHANNELS + at.channel), count);
    Float4 variance = load4(warp_sums + at.channel) * fraction - rest * rest;
    mean = mean + rest;
    store_statistics(at, args.mean, mean);
    store_statistics(at, args.variance, variance);
    Float4 scale = { inverse_deviation(variance.x, args.eps), inverse_deviation(variance.y, args.eps),
        inverse_deviation(variance.z, args.eps), inverse_deviation(variance.w, args.eps) };
    if (args.weight != nullptr) scale = scale * load4(args.weight + at.channel);
    Float4 bias = args.bias != nullptr ? load4(args.bias + at.channel) : all(0);
#pragma unroll
    for (int k = 0; k < PIECES; k++)
    {
        if (!at.has(k)) continue;
        i64 i = start + at.piece(k) * 4;
        Float4 value = (x[k] - rest) * scale + bias;
        if (args.residual != nullptr) value = value + load4(args.residual + i);
        store4(args.y + i, args.relu ? positive(value) : value);
    }
}

/// dbias and dweight from the images' sums: threads take four neighbouring values of every so-many-th image, then these are added up.
DEVICE void sum_samples(const NormalizeGradientArgs& args, const ImageThreads& at, float* shared)
{
    int columns = args.channels / 2, rows = at.threads / columns, column = thread_index() % columns, row = thread_index() / columns;
    Float4 sum = all(0);
    constexpr int AT_ONCE = 8;
    for (int first = row; first < args.samples; first += AT_ONCE * rows)
    {
        Float4 values[AT_ONCE];
#pragma unroll
        for (int k = 0; k < AT_ONCE; k++)
        {
            int sample = first + k * rows;
            values[k] = sample < args.samples ? load_fresh((const Float4*)args.partials + (i64)sample * columns + column) : all(0);
        }
#pragma unroll
        for (int k = 0; k < AT_ONCE; k++) sum = sum + values[k];
    }
    ((Float4*)shared)[thread_index()] = sum;
    barrier();
    for (int i = thread_index(); i < 2 * args.channels; i += at.threads)
    {
        double total = 0;
        for (int r = 0; r < rows; r++) total += shared[r * 2 * args.channels + i];
        float* to = i % 2 == 0 ? args.dbias : args.dweight;
        if (to != nullptr) to[i / 2] = (float)total;
    }
}

/// All gradients. Every block leaves its image's Σ g and Σ g·x̂ of each channel; the last to finish adds them up for bias and weight.
VALUE_KERNEL(group_norm_gradient, NormalizeGradientArgs, MOST_THREADS)
{
    SHARED(float, warp_sums, MOST_THREADS / 32 * 2 * MOST_CHANNELS);
    SHARED(float, channel_sums, 2 * MOST_CHANNELS);
    ImageThreads at = ImageThreads::of(args);
    i64 start = (i64)at.sample * args.positions * args.channels;
    Channels4 c = Channels4::of(args, { 0, at.channel, 0, at.sample });
    Float4 gradient[PIECES], normalized[PIECES], sum = all(0), product = all(0);
#pragma unroll
    for (int k = 0; k < PIECES; k++)
    {
        gradient[k] = normalized[k] = all(0);
        if (!at.has(k)) continue;
        i64 i = start + at.piece(k) * 4;
        Passed4 p = passed4(args, c, i);
        gradient[k] = p.gradient;
        normalized[k] = p.normalized;
        if (args.dresidual != nullptr) store4(args.dresidual + i, p.gradient);
    }
    // By itself: what loading needs has left its registers by now.
#pragma unroll
    for (int k = 0; k < PIECES; k++)
    {
        sum = sum + gradient[k];
        product = product + gradient[k] * normalized[k];
    }
    sum_channels(at, sum, product, warp_sums, channel_sums);
    for (int i = thread_index(); i < 2 * args.channels; i += at.threads)
        args.partials[((i64)at.sample * args.channels + i / 2) * 2 + i % 2] = channel_sums[i % 2 * MOST_CHANNELS + i / 2];
    barrier();
    // Of ĝ = g·weight the group's sums are those of its channels, each times its weight.
    for (int i = thread_index(); i < 2 * args.channels && args.weight != nullptr; i += at.threads)
        channel_sums[i / args.channels * MOST_CHANNELS + i % args.channels] *= args.weight[i % args.channels];
    barrier();
    sum_groups(at, channel_sums, warp_sums);
    Float4 fraction = all(1.0f / ((float)args.positions * at.width));
    sum = load4(warp_sums + at.channel) * fraction;
    product = load4(warp_sums + MOST_CHANNELS + at.channel) * fraction;
    // Loaded again rather than kept, as it was here before: a register each.
    Float4 weight = args.weight != nullptr ? load4(args.weight + at.channel) : all(1);
#pragma unroll
    for (int k = 0; k < PIECES; k++)
        if (at.has(k) && args.dx != nullptr)
            store4(args.dx + start + at.piece(k) * 4, (gradient[k] * weight - sum - normalized[k] * product) * c.statistics.scale);
    if ((args.dweight == nullptr && args.dbias == nullptr) || !is_last_block(args.tickets, args.samples)) return;
    sum_samples(args, at, warp_sums);
}
