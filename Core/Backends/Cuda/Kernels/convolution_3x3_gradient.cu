// Weight gradients of 3×3 convolutions with padding 1 on tensor cores: dw[k, c, tap] = Σ dy[pixel, k] · x[pixel shifted by the tap, c], for
// multiples of 16 channels. For each tap this is a matrix product, channels of x × channels of dy, summed over output pixels.
//
// A block of eight warps has C channels of x and K of dy, 16 or 32 each, and goes through tiles of 8 × WIDTH output pixels, whose x (with a
// border) and dy it brings to shared memory, rounded, where there is place for two tiles: one is stored while slower warps still work at the
// other. A warp holds the 9 taps of 16 × 16 channels in registers, 72 sums a lane, from the first tile to the last; there are one, two or four
// such squares, so that several warps share one, each with every so-many-th row of 8 pixels, and their sums are added at the end, in a fixed
// order. Two blocks of four warps a multiprocessor would write twice as many sums, which have to be read again. Blocks write partial sums, [chunk][K, C, 3, 3], which `sum` adds up. They go through
// shared memory: a lane's own lie 9 words from its neighbour's, and every store would go to 32 sectors instead of 4.
//
// Where x and dy are bfloat16, they are widened to TF32 on the way to shared memory, which is exact, and the products are those of TF32:
// pairs of bfloat16 would have to lie along the pixels, across the order in memory. That saves half of the traffic and is the same code.
//
// For 8 pixels a warp reads 4 pieces of dy and 4 of x for every tap, 40 reads for 18 products of 1,024: 460 multiplications a clock, more
// than forward, because all taps share dy.
#include "mma.h"
#include "window.h"

template <int C, int K, int STRIDE, int WIDTH> struct GradientTile
{
    static constexpr int HEIGHT = 8, THREADS = 256;
    static constexpr int HALO_HEIGHT = (HEIGHT - 1) * STRIDE + 3, HALO_WIDTH = (WIDTH - 1) * STRIDE + 3;
    // Distances of pixels in shared memory: neighbouring output pixels see x 8 banks apart, modulo 16, and dy too.
    static constexpr int X_PIXEL = C + 8 / STRIDE, DY_PIXEL = K + 8;
    static constexpr int SQUARES = C / 16 * (K / 16), SHARERS = THREADS / 32 / SQUARES;
    static constexpr int X_WORDS = HALO_HEIGHT * HALO_WIDTH * X_PIXEL, DY_WORDS = HEIGHT * WIDTH * DY_PIXEL, WORDS = X_WORDS + DY_WORDS;
    static constexpr int SUMS = 9 * 2 * 4;
    // Distance of dy's channels in the sums of a sharer: two of them are 8 banks apart, the channels of x 9.
    static constexpr int ROW = C * 9 + 4, SHARER = K * ROW, SUM_WORDS = SHARERS * SHARER;
    static constexpr int SHARED_BYTES = 4 * (2 * WORDS > SUM_WORDS ? 2 * WORDS : SUM_WORDS);
};

/// A box of pixels of an image, `channels` of them from `first` on, rounded into shared memory; zeros outside of the image. They are first
/// loaded, all on their way at once, and later stored.
template <int THREADS, int BOX_HEIGHT, int BOX_WIDTH, int CHANNELS, int PIXEL> struct BoxLoader
{
    static constexpr int COUNT = BOX_HEIGHT * BOX_WIDTH * (CHANNELS / 4), ROUNDS = (COUNT + THREADS - 1) / THREADS;
    typedef Four<Value>::Bits Bits;
    Bits bits[ROUNDS];

    MEMBER void load(const Value* image, int height, int width, int channels, int first, int top, int left)
    {
#pragma unroll
        for (int round = 0; round < ROUNDS; round++)
        {
            int i = thread_index() + round * THREADS, channel = i % (CHANNELS / 4) * 4, pixel = i / (CHANNELS / 4);
            int y = top + pixel / BOX_WIDTH, x = left + pixel % BOX_WIDTH;
            bits[round] = Bits {};
            if (i < COUNT && (u32)y < (u32)height && (u32)x < (u32)width)
                bits[round] = *(const Bits*)(image + (y * width + x) * channels + first + channel);
        }
    }

    MEMBER void store(u32* shared) const
    {
#pragma unroll
        for (int round = 0; round < ROUNDS; round++)
        {
            int i = thread_index() + round * THREADS;
            if (i < COUNT) *(Words4*)(shared + i / (CHANNELS / 4) * PIXEL + i % (CHANNELS / 4) * 4) = words_of_tf32(bits[round]);
        }
    }
};

/// A warp's share of the rows of a tile: sums[tap][half of the 16 channels of dy] += x · dy.
template <typename TILE, int STRIDE, int WIDTH>
DEVICE void multiply_rows(const u32* x, const u32* dy, int sharer, float (&sums)[9][2][4])
{
    int lane = thread_index() % 32, group = lane / 4, place = lane % 4;
    for (int step = sharer; step < TILE::HEIGHT * WIDTH / 8; step += TILE::SHARERS)
    {
        int row = step / (WIDTH / 8), column = step % (WIDTH / 8) * 8 + place;
        const u32* d = dy + (row * WIDTH + column) * TILE::DY_PIXEL + group;
        u32 b[2][2] = { { d[0], d[4 * TILE::DY_PIXEL] }, { d[8], d[4 * TILE::DY_PIXEL + 8] } };
        const u32* corner = x + (row * STRIDE * TILE::HALO_WIDTH + column * STRIDE) * TILE::X_PIXEL + group;
#pragma unroll
        for (int tap = 0; tap < 9; tap++)
        {
            const u32* a = corner + (tap / 3 * TILE::HALO_WIDTH + tap % 3) * TILE::X_PIXEL;
            constexpr int FOUR_PIXELS = 4 * STRIDE * TILE::X_PIXEL;
            u32 a0 = a[0], a1 = a[8], a2 = a[FOUR_PIXELS], a3 = a[FOUR_PIXELS + 8];
#pragma unroll
            for (int j = 0; j < 2; j++) multiply_add_tf32(sums[tap][j], a0, a1, a2, a3, b[j][0], b[j][1]);
        }
    }
}

/// Writes a block's sums to dw[k, c, tap] of `channels` of x. The warp's square begins at channels c and k; warps that share one add up.
template <typename TILE, int C, int K>
DEVICE void store_sums(float* shared, int c, int k, int sharer, const float (&sums)[9][2][4], float* dw, int channels)
{
    int group = thread_index() % 32 / 4, place = thread_index() % 4;
    float* own = shared + sharer * TILE::SHARER + (k + place * 2) * TILE::ROW + (c + group) * 9;
#pragma unroll
    for (int i = 0; i < TILE::SUMS; i++)
        own[(i / 4 % 2 * 8 + i % 2) * TILE::ROW + i / 2 % 2 * 8 * 9 + i / 8] = sums[i / 8][i / 4 % 2][i % 4];
    barrier();
    for (int i = thread_index(); i < K * C * 9; i += TILE::THREADS)
    {
        int out = i / (C * 9), rest = i % (C * 9);
        float sum = shared[out * TILE::ROW + rest];
#pragma unroll
        for (int other = 1; other < TILE::SHARERS; other++) sum += shared[other * TILE::SHARER + out * TILE::ROW + rest];
        dw[out * channels * 9 + rest] = sum;
    }
}

/// Blocks [chunk][channels of dy / K][channels of x / C]; a chunk takes every so-many-th tile.
template <int C, int K, int STRIDE, int WIDTH> DEVICE void weight_gradient3x3(const ConvArgs& args)
{
    typedef GradientTile<C, K, STRIDE, WIDTH> Tile;
    SHARED_DYNAMIC(u32, shared);
    Window g = args.g;
    int x_parts = g.c / C, dy_parts = g.k / K, chunk = block_index() / (x_parts * dy_parts);
    int first_c = block_index() % x_parts * C, first_k = block_index() / x_parts % dy_parts * K;
    int down = (g.p + Tile::HEIGHT - 1) / Tile::HEIGHT, across = (g.q + WIDTH - 1) / WIDTH;
    int warp = thread_index() / 32, square = warp % Tile::SQUARES, c = square % (C / 16) * 16, k = square / (C / 16) * 16;
    float sums[9][2][4] = {};
    BoxLoader<Tile::THREADS, Tile::HALO_HEIGHT, Tile::HALO_WIDTH, C, Tile::X_PIXEL> x_loader;
    BoxLoader<Tile::THREADS, Tile::HEIGHT, WIDTH, K, Tile::DY_PIXEL> dy_loader;
    auto load = [&](int tile)
    {
        int image = tile / (down * across), top = tile / across % down * Tile::HEIGHT, left = tile % across * WIDTH;
        x_loader.load(args.x + (i64)image * g.h * g.w * g.c, g.h, g.w, g.c, first_c, top * STRIDE - 1, left * STRIDE - 1);
        dy_loader.load(args.y + (i64)image * g.p * g.q * g.k, g.p, g.q, g.k, first_k, top, left);
    };
    // The next tile's pixels are on their way while one is worked at, and go to the other half of shared memory.
    load(chunk);
    u32* x = shared;
    for (int tile = chunk, tiles = g.n * down * across; tile < tiles; tile += args.chunks)
    {
        u32* dy = x + Tile::X_WORDS;
        x_loader.store(x);
        dy_loader.store(dy);
        barrier();
        if (tile + args.chunks < tiles) load(tile + args.chunks);
        multiply_rows<Tile, STRIDE, WIDTH>(x + c, dy + k, warp / Tile::SQUARES, sums);
        x = x == shared ? shared + Tile::WORDS : shared;
    }
    barrier();
    float* dw = (float*)args.weight + (i64)chunk * g.k * g.c * 9 + (first_k * g.c + first_c) * 9;
    store_sums<Tile, C, K>((float*)shared, c, k, warp / Tile::SQUARES, sums, dw, g.c);
}

// NAME_C_K, for multiples of C channels of x and K of dy: SHARED_BYTES of each must be asked for at the launch.
#define WEIGHT_GRADIENT3X3(NAME, C, K, STRIDE, WIDTH) \
    VALUE_KERNEL(NAME##_##C##_##K, ConvArgs, 256, 1) { weight_gradient3x3<C, K, STRIDE, WIDTH>(args); }

WEIGHT_GRADIENT3X3(conv3x3_weight_gradient, 16, 16, 1, 16)
WEIGHT_GRADIENT3X3(conv3x3_weight_gradient, 32, 32, 1, 8)
WEIGHT_GRADIENT3X3(conv3x3_stride2_weight_gradient, 16, 32, 2, 8)
