// 3×3 convolutions of images with three channels, the first of every network here, with padding 1 and stride 1: forward and weight
// gradient, in float. Of the generic kernels' tiles of 64 × 64 they would fill a quarter and a tenth.
//
// A block makes a tile of 8 × 32 pixels for 16 output channels, from the tile's input pixels with their border in shared memory.
// Forward, a thread has four pixels side by side and four channels, 16 sums; a warp has a row: its lanes read x 12 banks apart. Backward,
// a thread has two channels of dy and all 27 weights of each, and goes along 8 pixels of a row, of which it sees three columns at a time:
// 54 multiplications for 9 values of x and 2 of dy; dy comes from global memory, once. Blocks write partial sums, which `sum` adds up.
#include "storage.h"
#include "window.h"

struct ImageTile
{
    static constexpr int CHANNELS = 3, HEIGHT = 8, WIDTH = 32, OUT = 16, WEIGHTS = 9 * CHANNELS;
    static constexpr int ROW = (WIDTH + 2) * CHANNELS, VALUES = (HEIGHT + 2) * ROW;
    int image, y, x;

    static MEMBER int count(const Window& g) { return g.n * down(g) * across(g); }

    static MEMBER ImageTile of(int tile, const Window& g)
    {
        return { tile / (down(g) * across(g)), tile / across(g) % down(g) * HEIGHT, tile % across(g) * WIDTH };
    }

    /// The input pixels with a border of one; zeros outside of the image.
    MEMBER void load_pixels(const Value* in, const Window& g, float* pixels) const
    {
#pragma unroll
        for (int round = 0; round < (VALUES + BLOCK - 1) / BLOCK; round++)
        {
            int i = thread_index() + round * BLOCK;
            if (i >= VALUES) return;
            int row = y + i / ROW - 1, column = x * CHANNELS + i % ROW - CHANNELS, width = g.w * CHANNELS;
            bool inside = (u32)row < (u32)g.h && (u32)column < (u32)width;
            pixels[i] = inside ? load(in + (i64)(image * g.h + row) * width + column) : 0;
        }
    }

private:
    static MEMBER int down(const Window& g) { return (g.h + HEIGHT - 1) / HEIGHT; }
    static MEMBER int across(const Window& g) { return (g.w + WIDTH - 1) / WIDTH; }
};

/// Blocks are [tile][output channels / 16].
VALUE_KERNEL(conv3x3_images, ConvArgs, BLOCK)
{
    constexpr int CHANNELS = ImageTile::CHANNELS, OUT = ImageTile::OUT, WEIGHTS = ImageTile::WEIGHTS, PIXELS = 4;
    SHARED(float, pixels, ImageTile::VALUES);
    SHARED(float, weights, WEIGHTS * OUT);
    Window g = args.g;
    int parts = g.k / OUT, first = block_index() % parts * OUT;
    ImageTile tile = ImageTile::of(block_index() / parts, g);
    tile.load_pixels(args.x, g, pixels);
    // As weights[tap][channel in][channel out]; in memory [K, C, 3, 3].
    for (int i = thread_index(); i < WEIGHTS * OUT; i += BLOCK)
    {
        int out = i % OUT, in = i / OUT % CHANNELS, tap = i / OUT / CHANNELS;
        weights[i] = rounded<Value>(args.weight[((first + out) * CHANNELS + in) * 9 + tap]);
    }
    barrier();
    int row = thread_index() / 32, column = thread_index() % 32 / 4 * PIXELS, channel = thread_index() % 4 * 4;
    float sums[PIXELS][4] = {};
#pragma unroll 1
    for (int r = 0; r < 3; r++)
    {
        float x[(PIXELS + 2) * CHANNELS];
#pragma unroll
        for (int i = 0; i < (PIXELS + 2) * CHANNELS; i++) x[i] = pixels[(row + r) * ImageTile::ROW + column * CHANNELS + i];
#pragma unroll
        for (int i = 0; i < 3 * CHANNELS; i++)
        {
            Float4 w = *(const Float4*)(weights + (r * 3 * CHANNELS + i) * OUT + channel);
#pragma unroll
            for (int p = 0; p < PIXELS; p++)
            {
                float value = x[p * CHANNELS + i];
                sums[p][0] += value * w.x;
                sums[p][1] += value * w.y;
                sums[p][2] += value * w.z;
                sums[p][3] += value * w.w;
            }
        }
    }
    const float* bias = args.bias == nullptr ? nullptr : args.bias + first + channel;
    int y = tile.y + row;
#pragma unroll
    for (int p = 0; p < PIXELS; p++)
    {
        int x = tile.x + column + p;
        if (y >= g.h || x >= g.w) return;
        float (&s)[4] = sums[p];
        if (bias != nullptr)
#pragma unroll
            for (int i = 0; i < 4; i++) s[i] += bias[i];
        store4((Value*)args.y + ((i64)(tile.image * g.h + y) * g.w + x) * g.k + first + channel, { s[0], s[1], s[2], s[3] });
    }
}

/// Blocks are [chunk][output channels / 16]; a chunk takes every so-many-th tile.
VALUE_KERNEL(conv3x3_images_weight_gradient, ConvArgs, BLOCK)
{
    constexpr int CHANNELS = ImageTile::CHANNELS, OUT = ImageTile::OUT, WEIGHTS = ImageTile::WEIGHTS, ALONG = 8, WARPS = BLOCK / 32;
    SHARED(float, pixels, ImageTile::VALUES);
    SHARED(float, warp_sums, WARPS * OUT * WEIGHTS);
    Window g = args.g;
    int parts = g.k / OUT, first = block_index() % parts * OUT, chunk = block_index() / parts;
    // A warp has a row of the tile: four times 8 pixels, eight pairs of channels.
    int row = thread_index() / 32, column = thread_index() % 32 / 8 * ALONG, pair = thread_index() % 8 * 2;
    float sums[WEIGHTS][2] = {};
    for (int i = chunk; i < ImageTile::count(g); i += args.chunks)
    {
        ImageTile tile = ImageTile::of(i, g);
        tile.load_pixels(args.x, g, pixels);
        int y = tile.y + row, x = tile.x + column;
        const Value* from = args.y + ((i64)(tile.image * g.h + y) * g.w + x) * g.k + first + pair;
        Float2 dy[ALONG];
#pragma unroll
        for (int p = 0; p < ALONG; p++) dy[p] = y < g.h && x + p < g.w ? load2(from + p * g.k) : Float2 { 0, 0 };
        barrier();
#pragma unroll
        for (int r = 0; r < 3; r++)
        {
            const float* in = pixels + (row + r) * ImageTile::ROW + column * CHANNELS;
#pragma unroll
            for (int p = 0; p < ALONG; p++)
#pragma unroll
                for (int j = 0; j < 3 * CHANNELS; j++)
                {
                    sums[r * 3 * CHANNELS + j][0] += in[p * CHANNELS + j] * dy[p].x;
                    sums[r * 3 * CHANNELS + j][1] += in[p * CHANNELS + j] * dy[p].y;
                }
        }
        barrier();
    }
    // Over the four parts of a row, then over the rows, as dw[k, c, tap].
#pragma unroll
    for (int i = 0; i < WEIGHTS * 2; i++)
    {
        float sum = sums[i / 2][i % 2];
        for (int mask = 8; mask < 32; mask *= 2) sum += shuffle_xor(sum, mask);
        if (thread_index() % 32 < 8)
            warp_sums[row * OUT * WEIGHTS + (pair + i % 2) * WEIGHTS + i / 2 % CHANNELS * 9 + i / 2 / CHANNELS] = sum;
    }
    barrier();
    float* dw = (float*)args.weight + ((i64)chunk * g.k + first) * WEIGHTS;
    for (int i = thread_index(); i < OUT * WEIGHTS; i += BLOCK)
    {
        float sum = 0;
#pragma unroll
        for (int warp = 0; warp < WARPS; warp++) sum += warp_sums[warp * OUT * WEIGHTS + i];
        dw[i] = sum;
    }
}
