// Convolutions of any shape, exact in float, as matrix products whose operands are looked up in place: nothing is unfolded in memory.
// Forward: output pixels × output channels, summed over taps and input channels. Input gradient: input pixels × input channels, summed
// over taps and output channels. Weight gradient: output channels × taps and input channels, summed over output pixels.
//
// Arithmetic binds: ResNet-20 has 40.6 million multiplications an image forward, as many for each gradient, and tiles of 64 × 64 are half
// full at 16 and 32 channels. The tensor-core versions, which round their operands to TF32, are in convolution_3x3.cu. Where values are bfloat16, weights are rounded alike as they are loaded, so that
// both versions multiply the same numbers.
#include "tile.h"
#include "window.h"

/// A tap of the kernel and a channel; the channel runs fastest, because it does so in memory.
struct TapChannel { int r, s, channel; };

DEVICE TapChannel tap_channel_of(int index, int channels, int width)
{
    int tap = index / channels;
    return { tap / width, tap % width, index % channels };
}

/// x under the kernel: outer is the output pixel, inner the tap and the channel; padding is zero.
struct InputPatches
{
    struct Outer { int image, y, x; };
    typedef TapChannel Inner;
    const Value* values;
    Window g;

    MEMBER Outer outer(int i) const
    {
        if (i >= g.n * g.p * g.q) return { -1, 0, 0 };
        Pixel pixel = pixel_of(i, g.p, g.q);
        return { pixel.image * g.h * g.w * g.c, pixel.y * g.stride_h - g.pad_h, pixel.x * g.stride_w - g.pad_w };
    }

    MEMBER Inner inner(int k) const { return tap_channel_of(k, g.c, g.s); }

    MEMBER float value(Outer at, Inner tap) const
    {
        int y = at.y + tap.r, x = at.x + tap.s;
        bool inside = at.image >= 0 && (u32)y < (u32)g.h && (u32)x < (u32)g.w;
        return inside ? load(values + at.image + (y * g.w + x) * g.c + tap.channel) : 0;
    }
};

/// The same with the roles exchanged: outer is the tap and the channel, inner the output pixel.
struct InputPatchesByTap
{
    typedef TapChannel Outer;
    typedef InputPatches::Outer Inner;
    InputPatches patches;

    MEMBER Outer outer(int i) const { return patches.inner(i); }
    MEMBER Inner inner(int k) const { return patches.outer(k); }
    MEMBER float value(Outer tap, Inner at) const { return tap.r < patches.g.r ? patches.value(at, tap) : 0; }
};

/// dy as an input pixel sees it: inner is the tap through which it reached the output, and the output channel.
struct OutputPatches
{
    struct Outer { int image, y, x; };
    typedef TapChannel Inner;
    const Value* dy;
    Window g;

    MEMBER Outer outer(int i) const
    {
        if (i >= g.n * g.h * g.w) return { -1, 0, 0 };
        Pixel pixel = pixel_of(i, g.h, g.w);
        return { pixel.image * g.p * g.q * g.k, pixel.y + g.pad_h, pixel.x + g.pad_w };
    }

    MEMBER Inner inner(int k) const { return tap_channel_of(k, g.k, g.s); }

    MEMBER float value(Outer at, Inner tap) const
    {
        int y = at.y - tap.r, x = at.x - tap.s, p = y / g.stride_h, q = x / g.stride_w;
        bool hit = at.image >= 0 && y >= 0 && x >= 0 && p * g.stride_h == y && q * g.stride_w == x && p < g.p && q < g.q;
        return hit ? load(dy + at.image + (p * g.q + q) * g.k + tap.channel) : 0;
    }
};

/// The weights of an output channel (outer) for a tap and an input channel (inner), with the precision of values.
struct WeightsByOutput
{
    typedef int Outer;
    typedef int Inner;
    const float* weight;
    Window g;

    MEMBER int outer(int k) const { return k < g.k ? k * g.c * g.r * g.s : -1; }

    MEMBER int inner(int k) const
    {
        TapChannel tap = tap_channel_of(k, g.c, g.s);
        return (tap.channel * g.r + tap.r) * g.s + tap.s;
    }

    MEMBER float value(int outer, int inner) const { return outer < 0 ? 0 : rounded<Value>(weight[outer + inner]); }
};

/// The weights of an input channel (outer) for a tap and an output channel (inner), likewise.
struct WeightsByInput
{
    typedef int Outer;
    typedef int Inner;
    const float* weight;
    Window g;

    MEMBER int outer(int c) const { return c < g.c ? c * g.r * g.s : -1; }

    MEMBER int inner(int k) const
    {
        TapChannel tap = tap_channel_of(k, g.k, g.s);
        return (tap.channel * g.c * g.r + tap.r) * g.s + tap.s;
    }

    MEMBER float value(int outer, int inner) const { return outer < 0 ? 0 : rounded<Value>(weight[outer + inner]); }
};

/// dy of an output channel (outer) at an output pixel (inner).
struct OutputChannels
{
    typedef int Outer;
    typedef i64 Inner;
    const Value* dy;
    int channels;

    MEMBER int outer(int k) const { return k < channels ? k : -1; }
    MEMBER i64 inner(int pixel) const { return (i64)pixel * channels; }
    MEMBER float value(int outer, i64 inner) const { return outer < 0 ? 0 : load(dy + inner + outer); }
};

/// y[n,k,p,q] = bias[k] + Σ x[n, c, p·stride + r − pad, q·stride + s − pad] · weight[k,c,r,s].
VALUE_KERNEL(conv2d, ConvArgs, BLOCK)
{
    Window g = args.g;
    int across = (g.k + TILE - 1) / TILE, row = block_index() / across * TILE, column = block_index() % across * TILE;
    Value* y = (Value*)args.y;
    const float* bias = args.bias;
    int pixels = g.n * g.p * g.q, channels = g.k;
    InputPatches a { args.x, g };
    WeightsByOutput b { args.weight, g };
    tile_product<true, true>(a, b, row, column, 0, g.r * g.s * g.c, [=](int pixel, int k, float sum)
    {
        if (pixel < pixels && k < channels) store(y + (i64)pixel * channels + k, bias == nullptr ? sum : sum + bias[k]);
    });
}

/// dx: the transpose of conv2d in x, applied to dy; or added to dx.
VALUE_KERNEL(conv2d_input_gradient, ConvArgs, BLOCK)
{
    Window g = args.g;
    int across = (g.c + TILE - 1) / TILE, row = block_index() / across * TILE, column = block_index() % across * TILE;
    Value* dx = (Value*)args.x;
    int pixels = g.n * g.h * g.w, channels = g.c;
    bool add = args.add;
    OutputPatches a { args.y, g };
    WeightsByInput b { args.weight, g };
    tile_product<true, true>(a, b, row, column, 0, g.r * g.s * g.k, [=](int pixel, int c, float sum)
    {
        if (pixel >= pixels || c >= channels) return;
        Value* to = dx + (i64)pixel * channels + c;
        store(to, add ? load(to) + sum : sum);
    });
}

/// dw[chunk][k,c,r,s] = Σ dy[n,k,p,q] · x[n, c, p·stride + r − pad, q·stride + s − pad] over the chunk's output pixels; the chunks are added
/// up by `sum`.
VALUE_KERNEL(conv2d_weight_gradient, ConvArgs, BLOCK)
{
    Window g = args.g;
    int taps = g.r * g.s, columns = taps * g.c, across = (columns + TILE - 1) / TILE, down = (g.k + TILE - 1) / TILE;
    int column = block_index() % across * TILE, row = block_index() / across % down * TILE, chunk = block_index() / (across * down);
    int pixels = g.n * g.p * g.q, length = (pixels + args.chunks - 1) / args.chunks, first = chunk * length;
    int last = first + length < pixels ? first + length : pixels;
    float* dw = (float*)args.weight + (i64)chunk * g.k * columns;
    OutputChannels a { args.y, g.k };
    InputPatchesByTap b { { args.x, g } };
    tile_product<false, false>(a, b, row, column, first, last, [=](int k, int j, float sum)
    {
        if (k < g.k && j < columns) dw[(k * g.c + j % g.c) * taps + j / g.c] = sum;
    });
}
