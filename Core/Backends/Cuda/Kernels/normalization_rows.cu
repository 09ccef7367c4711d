// The last pass of normalization forward and backward where the channels come in fours, as in every ResNet: four at a time. A thread
// keeps to four channels of one sample, whose statistics and parameters it has in registers, and goes down the positions.
//
// Each value is read and written once, by whole lines.
#include "math.h"
#include "storage.h"

/// Four values each, with the operations that the formulas need.
DEVICE Float4 operator+(const Float4& a, const Float4& b) { return { a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w }; }
DEVICE Float4 operator-(const Float4& a, const Float4& b) { return { a.x - b.x, a.y - b.y, a.z - b.z, a.w - b.w }; }
DEVICE Float4 operator*(const Float4& a, const Float4& b) { return { a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w }; }

DEVICE Float4 all(float value) { return { value, value, value, value }; }

DEVICE float positive(float x) { return x < 0 ? 0 : x; }

DEVICE Float4 positive(const Float4& v) { return { positive(v.x), positive(v.y), positive(v.z), positive(v.w) }; }

/// g where y > 0, else 0.
DEVICE Float4 where_positive(const Float4& y, const Float4& g)
{
    return { y.x > 0 ? g.x : 0, y.y > 0 ? g.y : 0, y.z > 0 ? g.z : 0, y.w > 0 ? g.w : 0 };
}

DEVICE float inverse_deviation(float variance, float eps) { return 1 / square_root(variance + eps); }

/// Rows of threads that take a position each, and how many positions a thread takes. Blocks are [sample][positions / (rows · PER_THREAD)].
struct Rows
{
    int rows, channel, first, sample;

    template <typename ARGS> static MEMBER Rows of(const ARGS& args)
    {
        int lanes = args.channels / 4, rows = BLOCK / lanes, blocks = (args.positions + rows * PER_THREAD - 1) / (rows * PER_THREAD);
        int row = thread_index() / lanes, first = block_index() % blocks * rows * PER_THREAD + row;
        // Threads that do not fill another row have nothing to do.
        return { rows, thread_index() % lanes * 4, row < rows ? first : args.positions, block_index() / blocks };
    }
};

/// Mean and 1/√(variance + eps) of four neighbouring channels.
struct Statistics4 { Float4 mean, scale; };

template <typename ARGS> DEVICE Statistics4 statistics4(const ARGS& args, const Rows& at)
{
    int width = args.channels / args.groups, first = at.sample * args.groups;
    int s0 = first + at.channel / width, s1 = first + (at.channel + 1) / width, s2 = first + (at.channel + 2) / width,
        s3 = first + (at.channel + 3) / width;
    Float4 mean = { args.mean[s0], args.mean[s1], args.mean[s2], args.mean[s3] };
    Float4 scale = { inverse_deviation(args.variance[s0], args.eps), inverse_deviation(args.variance[s1], args.eps),
        inverse_deviation(args.variance[s2], args.eps), inverse_deviation(args.variance[s3], args.eps) };
    return { mean, scale };
}

/// y = act((x − mean) / √(variance + eps) · weight + bias + residual).
VALUE_KERNEL(normalize_rows, NormalizeArgs, BLOCK)
{
    Rows at = Rows::of(args);
    Statistics4 s = statistics4(args, at);
    Float4 scale = args.weight != nullptr ? s.scale * load4(args.weight + at.channel) : s.scale;
    Float4 bias = args.bias != nullptr ? load4(args.bias + at.channel) : all(0);
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++)
    {
        int position = at.first + k * at.rows;
        if (position >= args.positions) return;
        i64 i = ((i64)at.sample * args.positions + position) * args.channels + at.channel;
        Float4 value = (load4(args.x + i) - s.mean) * scale + bias;
        if (args.residual != nullptr) value = value + load4(args.residual + i);
        store4(args.y + i, args.relu ? positive(value) : value);
    }
}

// ---- gradients ---------------------------------------------------------------------------------------------------------------

/// What four channels' gradients are made with: statistics, parameters, and `slope`, which the output was multiplied by.
struct Channels4
{
    Statistics4 statistics;
    Float4 weight, slope, bias;

    static MEMBER Channels4 of(const NormalizeGradientArgs& args, const Rows& at)
    {
        Statistics4 s = statistics4(args, at);
        Float4 weight = args.weight != nullptr ? load4(args.weight + at.channel) : all(1);
        return { s, weight, s.scale * weight, args.bias != nullptr ? load4(args.bias + at.channel) : all(0) };
    }
};

/// g, what the activation let pass of dy, and x̂.
struct Passed4 { Float4 gradient, normalized; };

/// The activation's mask is the sign of y; where y is not given, nothing was added to x̂·weight + bias, which is then computed as forward.
DEVICE Passed4 passed4(const NormalizeGradientArgs& args, const Channels4& c, i64 i)
{
    Float4 gradient = load4(args.dy + i), centred = load4(args.x + i) - c.statistics.mean;
    if (args.relu) gradient = where_positive(args.y != nullptr ? load4(args.y + i) : centred * c.slope + c.bias, gradient);
    return { gradient, centred * c.statistics.scale };
}

/// As normalize_gradient_partials, four channels a thread, for a power of two of channels up to 128: so that a warp spans them, or a part of
/// them that divides the block. Leaves g in dresidual, for the next pass to read in place of dy and y.
VALUE_KERNEL(normalize_gradient_partials_rows, NormalizeGradientArgs, BLOCK)
{
    SHARED(double, shared, BLOCK);
    SHARED(double, warp_sums, BLOCK / 32 * 2 * 128);
    int lanes = args.channels / 4, rows = BLOCK / lanes, lane = thread_index() % 32, warp = thread_index() / 32;
    int chunk = block_index() % args.chunks, length = (args.positions + args.chunks - 1) / args.chunks, first = chunk * length;
    int last = first + length < args.positions ? first + length : args.positions;
    Rows at { rows, thread_index() % lanes * 4, first + thread_index() / lanes, block_index() / args.chunks };
    Channels4 c = Channels4::of(args, at);
    double sums[8] = {};
    Float4 some = all(0), products = all(0);
    in_fours(at.first, last, rows, [&](int position)
    {
        i64 i = ((i64)at.sample * args.positions + position) * args.channels + at.channel;
        Passed4 p = passed4(args, c, i);
        if (args.dresidual != nullptr) store4(args.dresidual + i, p.gradient);
        some = some + p.gradient;
        products = products + p.gradient * p.normalized;
    }, [&]
    {
        sums[0] += some.x; sums[1] += products.x; sums[2] += some.y; sums[3] += products.y;
        sums[4] += some.z; sums[5] += products.z; sums[6] += some.w; sums[7] += products.w;
        some = products = all(0);
    });
#pragma unroll
    for (int k = 0; k < 8; k++)
    {
        for (int mask = lanes; mask < 32; mask *= 2) sums[k] += shuffle_xor(sums[k], mask);
        if (lane < lanes) warp_sums[(warp * lanes + lane) * 8 + k] = sums[k];
    }
    barrier();
    if (thread_index() < 2 * args.channels)
    {
        double sum = 0;
        for (int w = 0; w < BLOCK / 32; w++) sum += warp_sums[w * 2 * args.channels + thread_index()];
        args.partials[((i64)at.sample * args.chunks + chunk) * args.channels * 2 + thread_index()] = (float)sum;
    }
    if (args.tickets == nullptr || !is_last_block(args.tickets, args.chunks)) return;
    Columns columns = Columns::of(args.channels);
    for (int tile = 0; tile < columns.tiles; tile++)
        finish_channel(args, columns, { 0, 0, tile, tile * columns.lanes + columns.lane, 0, 0 }, shared);
}

/// dx = (ĝ − mean(ĝ) − x̂·mean(ĝ·x̂)) · invstd; ĝ·invstd where the statistics are constants. dresidual = g.
VALUE_KERNEL(normalize_gradient_rows, NormalizeGradientArgs, BLOCK)
{
    Rows at = Rows::of(args);
    Channels4 c = Channels4::of(args, at);
    Float4 sum = all(0), product = all(0);
    int width = args.channels / args.groups;
    if (!args.constant)
    {
        float fraction = 1.0f / ((float)args.positions * width);
        const float* sums = args.sums + at.sample * args.groups * 2;
        int g0 = at.channel / width * 2, g1 = (at.channel + 1) / width * 2, g2 = (at.channel + 2) / width * 2, g3 = (at.channel + 3) / width * 2;
        sum = Float4 { sums[g0], sums[g1], sums[g2], sums[g3] } * all(fraction);
        product = Float4 { sums[g0 + 1], sums[g1 + 1], sums[g2 + 1], sums[g3 + 1] } * all(fraction);
    }
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++)
    {
        int position = at.first + k * at.rows;
        if (position >= args.positions) return;
        i64 i = ((i64)at.sample * args.positions + position) * args.channels + at.channel;
        Passed4 p = passed4(args, c, i);
        if (args.dresidual != nullptr) store4(args.dresidual + i, p.gradient);
        if (args.dx != nullptr) store4(args.dx + i, (p.gradient * c.weight - sum - p.normalized * product) * c.statistics.scale);
    }
}
