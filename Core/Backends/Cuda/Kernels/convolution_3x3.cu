// 3×3 convolutions with padding 1 on tensor cores, for 16, 32 or 64 channels in: forward, with stride 1 or 2, and their input gradients,
// which are convolutions themselves: of dy with the kernel turned around and the channels exchanged; for stride 2 dy has zeros between its
// pixels. Operands are floats rounded to TF32, as PyTorch's default, or bfloat16; sums are float.
//
// A block makes a tile of 8 × 8 or 8 × 16 output pixels for OUT output channels. In shared memory: the tile's input pixels with a border of
// one ("halo") and the weights of OUT channels, rounded once, which stay while the block goes from tile to tile. A word there is one TF32,
// or two neighbouring input channels in bfloat16, whose pixels are copied as they are. A warp takes 16 or 32 pixels and all OUT channels:
// for each of the 9 taps and every 8 words of input channels it reads a 16 × 8 piece of pixels and OUT/8 pieces of weights from shared
// memory and multiplies. Where SPLIT is 2, two warps share the pixels, each with half of the input channels, and add their sums in shared
// memory at the end: more warps hide more waiting.
//
// The limit is the bandwidth of shared memory, 128 bytes a clock: pieces of 16 × 8 and 8 × 8 words are 4 and 2 reads by the warp, for
// 1,024 multiplications a pair (2,048 in bfloat16). With 16 pixels × 32 channels that is 12 reads for 4,096: 341 a clock, a third of the
// tensor cores' rate. Strides avoid bank conflicts: a pixel's channels start 4, 12 or 20 banks after its neighbour's, a weight row 8 (or
// 24) banks after the one before.
//
// Blocks are no more than run at once: each has to bring the weights to shared memory, which was half of all instructions when every
// tile had a block.
#include "convolution_moments.h"
#include "mma.h"
#include "window.h"

enum class Kind { Forward, Gradient };

/// The sizes of one version. The input is the op's own: for gradients that is dy.
template <Kind KIND, int IN, int OUT, int STRIDE, int WARP_PIXELS, int SPLIT> struct ConvTile
{
    // The gradient of a convolution with stride 2 looks at pixels of dy that lie 2 apart: DILATION. Its own stride is 1.
    static constexpr int STEP = KIND == Kind::Forward ? STRIDE : 1;
    static constexpr int DILATION = KIND == Kind::Forward ? 1 : STRIDE;
    static constexpr int HEIGHT = 8, WIDTH = WARP_PIXELS / 2, PIECES = WARP_PIXELS / 16;  // four groups of WARP_PIXELS pixels
    static constexpr int HALO_HEIGHT = (HEIGHT - 1) * STEP + 3, HALO_WIDTH = (WIDTH - 1) * STEP + 3;
    static constexpr int WORDS = IN / PER_WORD;          // of a pixel
    static constexpr int PIXEL = WORDS + 4 / STEP;       // distance of pixels in shared memory: STEP·PIXEL is 4, 12 or 20 modulo 32
    static constexpr int ROW = OUT + 8, TAP = WORDS * ROW + 1;  // of weight rows and taps; the 1 spreads the taps when weights are stored
    static constexpr int THREADS = 128 * SPLIT;
    // The pixels' place is that of the sums too, when warps that share pixels add them up.
    static constexpr int HALO_WORDS = (HALO_HEIGHT * HALO_WIDTH * PIXEL + 3) / 4 * 4, SUM_WORDS = (SPLIT - 1) * 128 * PIECES * OUT / 2;
    static constexpr int PIXEL_WORDS = HALO_WORDS > SUM_WORDS ? HALO_WORDS : SUM_WORDS;
    static constexpr int SHARED_BYTES = (PIXEL_WORDS + 9 * TAP) * 4;
    // How many blocks a multiprocessor has at once, as the launch has it: the registers must do for them.
    static constexpr int TOGETHER = 220000 / SHARED_BYTES < 4 / SPLIT ? 220000 / SHARED_BYTES : 4 / SPLIT;
};

/// Which tile a block works at: its image and its first output pixel.
struct TilePlace
{
    int image, y, x;

    template <typename TILE> static MEMBER TilePlace of(int tile, int down, int across)
    {
        return { tile / (down * across), tile / across % down * TILE::HEIGHT, tile % across * TILE::WIDTH };
    }
};

/// The weights of OUT channels from `first` on, as weights[tap][word of input channels][output channel].
template <Kind KIND, typename TILE, int IN, int OUT> DEVICE void load_weights(const float* weight, int out_channels, int first, u32* weights)
{
    // In memory [K, C, 3, 3]. Forward, an output channel's values lie together; for gradients, output channels are C.
    constexpr bool FORWARD = KIND == Kind::Forward;
    // After nine times as many values as there are threads, a thread is at the same tap, so many channels on: nine places are worked out.
    constexpr int ROUNDS = OUT * TILE::WORDS / TILE::THREADS, ON = TILE::THREADS / (FORWARD ? TILE::WORDS : OUT);
    static_assert(OUT * TILE::WORDS % TILE::THREADS == 0);
    int in_stride = FORWARD ? 9 : out_channels * 9, out_stride = FORWARD ? IN * 9 : 9;
#pragma unroll
    for (int i = 0; i < 9; i++)
    {
        int value = thread_index() + i * TILE::THREADS, tap = value % 9, rest = value / 9;
        int out = FORWARD ? rest / TILE::WORDS : rest % OUT, word = FORWARD ? rest % TILE::WORDS : rest / OUT;
        const float* from = weight + (first + out) * out_stride + word * PER_WORD * in_stride + tap;
        u32* to = weights + (FORWARD ? tap : 8 - tap) * TILE::TAP + word * TILE::ROW + out;
#pragma unroll
        for (int round = 0; round < ROUNDS; round++)
            to[round * ON * (FORWARD ? 1 : TILE::ROW)] = to_word(from + round * ON * (FORWARD ? out_stride : PER_WORD * in_stride), in_stride);
    }
}

/// The tile's input pixels with their border, 16 bytes at a time; zeros outside of the image and between dilated pixels. They are first loaded,
/// all on their way at once, and later stored.
template <typename TILE, int IN> struct PixelLoader
{
    static constexpr int COUNT = TILE::HALO_HEIGHT * TILE::HALO_WIDTH * (TILE::WORDS / 4), ROUNDS = (COUNT + TILE::THREADS - 1) / TILE::THREADS;
    Words4 bits[ROUNDS];

    MEMBER void load(const Value* in, int height, int width, const TilePlace& place)
    {
#pragma unroll
        for (int round = 0; round < ROUNDS; round++)
        {
            int i = thread_index() + round * TILE::THREADS, word = i % (TILE::WORDS / 4) * 4, pixel = i / (TILE::WORDS / 4);
            int y = place.y * TILE::STEP + pixel / TILE::HALO_WIDTH - 1, x = place.x * TILE::STEP + pixel % TILE::HALO_WIDTH - 1;
            bool hit = i < COUNT && y >= 0 && x >= 0 && y % TILE::DILATION == 0 && x % TILE::DILATION == 0;
            y /= TILE::DILATION;
            x /= TILE::DILATION;
            bits[round] = Words4 { 0, 0, 0, 0 };
            if (hit && y < height && x < width)
                bits[round] = *(const Words4*)(in + (((i64)place.image * height + y) * width + x) * IN + word * PER_WORD);
        }
    }

    MEMBER void store(u32* pixels) const
    {
#pragma unroll
        for (int round = 0; round < ROUNDS; round++)
        {
            int i = thread_index() + round * TILE::THREADS;
            if (i >= COUNT) return;
            Words4 words = to_words(bits[round]);
            u32* to = pixels + i / (TILE::WORDS / 4) * TILE::PIXEL + i % (TILE::WORDS / 4) * 4;
            if (TILE::PIXEL % 4 == 0) *(Words4*)to = words;
            else { to[0] = words.x; to[1] = words.y; to[2] = words.z; to[3] = words.w; }
        }
    }
};

/// sums += the products of a warp's pixels with the weights, over the words of input channels [first, last) and all taps.
template <typename TILE, int PIECES, int OUT>
DEVICE void multiply(const u32* pixels, const u32* weights, int first, int last, float (&sums)[PIECES][OUT / 8][4])
{
    int lane = thread_index() % 32, group = lane / 4, place = lane % 4, warp = thread_index() / 32 % 4;
    // The halo pixel that tap (0, 0) of output pixel `group` sees, for both halves of every piece of 16 pixels.
    const u32* rows[PIECES][2];
#pragma unroll
    for (int piece = 0; piece < PIECES; piece++)
#pragma unroll
        for (int half = 0; half < 2; half++)
        {
            int pixel = (warp * PIECES + piece) * 16 + half * 8 + group;
            rows[piece][half] = pixels + (pixel / TILE::WIDTH * TILE::HALO_WIDTH + pixel % TILE::WIDTH) * TILE::STEP * TILE::PIXEL + place;
        }
#pragma unroll
    for (int tap = 0; tap < 9; tap++)
    {
        int shift = (tap / 3 * TILE::HALO_WIDTH + tap % 3) * TILE::PIXEL;
#pragma unroll 2
        for (int word = first; word < last; word += 8)
        {
            u32 a[PIECES][4];
#pragma unroll
            for (int piece = 0; piece < PIECES; piece++)
            {
                a[piece][0] = rows[piece][0][shift + word];
                a[piece][1] = rows[piece][1][shift + word];
                a[piece][2] = rows[piece][0][shift + word + 4];
                a[piece][3] = rows[piece][1][shift + word + 4];
            }
            const u32* b = weights + tap * TILE::TAP + (word + place) * TILE::ROW + group;
#pragma unroll
            for (int j = 0; j < OUT / 8; j++)
            {
                u32 b0 = b[j * 8], b1 = b[4 * TILE::ROW + j * 8];
#pragma unroll
                for (int piece = 0; piece < PIECES; piece++)
                    multiply_add(sums[piece][j], a[piece][0], a[piece][1], a[piece][2], a[piece][3], b0, b1);
            }
        }
    }
}

/// Adds the sums of the second half of the warps to those of the first, through shared memory that holds the pixels no more.
template <int PIECES, int OUT> DEVICE void add_halves(float* shared, float (&sums)[PIECES][OUT / 8][4])
{
    constexpr int COUNT = PIECES * OUT / 8;
    barrier();
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        if (thread_index() >= 128)
        {
            float (&s)[4] = sums[i / (OUT / 8)][i % (OUT / 8)];
            ((Float4*)shared)[i * 128 + thread_index() - 128] = { s[0], s[1], s[2], s[3] };
        }
    barrier();
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        if (thread_index() < 128)
        {
            float (&s)[4] = sums[i / (OUT / 8)][i % (OUT / 8)];
            Float4 other = ((const Float4*)shared)[i * 128 + thread_index()];
            s[0] += other.x;
            s[1] += other.y;
            s[2] += other.z;
            s[3] += other.w;
        }
}

/// The bias of the channels from `first` on.
template <int PIECES, int OUT> DEVICE void add_bias(const float* bias, int first, float (&sums)[PIECES][OUT / 8][4])
{
    int place = thread_index() % 4;
#pragma unroll
    for (int i = 0; i < OUT / 2; i++)
    {
        float value = bias[first + i / 4 * 8 + place * 2 + i % 2];
#pragma unroll
        for (int piece = 0; piece < PIECES; piece++) sums[piece][i / 4][i % 4] += value;
    }
}

/// Writes a warp's sums, two neighbouring channels at a time, where there are output pixels, or adds them to what is there; says where those are.
template <typename TILE, int PIECES, int OUT>
DEVICE void store_tile(Value* out, bool add, int height, int width, int channels, int first, const TilePlace& place,
    const float (&sums)[PIECES][OUT / 8][4], bool (&inside)[PIECES][2])
{
    int lane = thread_index() % 32, warp = thread_index() / 32;
#pragma unroll
    for (int piece = 0; piece < PIECES; piece++)
#pragma unroll
        for (int half = 0; half < 2; half++)
        {
            int pixel = (warp * PIECES + piece) * 16 + half * 8 + lane / 4;
            int y = place.y + pixel / TILE::WIDTH, x = place.x + pixel % TILE::WIDTH;
            inside[piece][half] = y < height && x < width;
            if (!inside[piece][half]) continue;
            Value* to = out + (((i64)place.image * height + y) * width + x) * channels + first + lane % 4 * 2;
#pragma unroll
            for (int j = 0; j < OUT / 8; j++)
            {
                Float2 before = add ? load2(to + j * 8) : Float2 { 0, 0 };
                store2(to + j * 8, { before.x + sums[piece][j][half * 2], before.y + sums[piece][j][half * 2 + 1] });
            }
        }
}

/// Blocks [chunk][output channels / OUT] go through the tiles, `chunks` apart.
template <Kind KIND, int IN, int OUT, int STRIDE, int WARP_PIXELS, int SPLIT> DEVICE void conv3x3(const ConvArgs& args)
{
    typedef ConvTile<KIND, IN, OUT, STRIDE, WARP_PIXELS, SPLIT> Tile;
    constexpr int PIECES = Tile::PIECES;
    SHARED_DYNAMIC(u32, shared);
    u32 *pixels = shared, *weights = shared + Tile::PIXEL_WORDS;
    Window g = args.g;
    bool forward = KIND == Kind::Forward;
    const Value* in = forward ? args.x : args.y;
    Value* out = (Value*)(forward ? args.y : args.x);
    int in_height = forward ? g.h : g.p, in_width = forward ? g.w : g.q, height = forward ? g.p : g.h, width = forward ? g.q : g.w;
    int channels = forward ? g.k : g.c, parts = channels / OUT, first = block_index() % parts * OUT;
    int down = (height + Tile::HEIGHT - 1) / Tile::HEIGHT, across = (width + Tile::WIDTH - 1) / Tile::WIDTH;
    int half = thread_index() / 128;  // which of the warps that share pixels; the first have the sums in the end
    bool leaves_moments = forward && args.mean != nullptr;
    WarpMoments<OUT> moments = {};
    int tiles = g.n * down * across, tile = block_index() / parts;
    // With stride 2 the next tile would take too many registers.
    constexpr bool AHEAD = STRIDE == 1;
    PixelLoader<Tile, IN> loader;
    if (AHEAD) loader.load(in, in_height, in_width, TilePlace::of<Tile>(tile, down, across));
    load_weights<KIND, Tile, IN, OUT>(args.weight, channels, first, weights);
    for (; tile < tiles; tile += args.chunks)
    {
        TilePlace place = TilePlace::of<Tile>(tile, down, across);
        int next = tile + args.chunks;
        if (!AHEAD) loader.load(in, in_height, in_width, place);
        loader.store(pixels);
        barrier();
        if (AHEAD && next < tiles) loader.load(in, in_height, in_width, TilePlace::of<Tile>(next, down, across));
        float sums[PIECES][OUT / 8][4] = {};
        multiply<Tile, PIECES, OUT>(pixels, weights, half * (Tile::WORDS / SPLIT), (half + 1) * (Tile::WORDS / SPLIT), sums);
        if (SPLIT == 2) add_halves<PIECES, OUT>((float*)pixels, sums);
        if (half == 0)
        {
            bool inside[PIECES][2];
            if (args.bias != nullptr) add_bias<PIECES, OUT>(args.bias, first, sums);
            store_tile<Tile, PIECES, OUT>(out, !forward && args.add, height, width, channels, first, place, sums, inside);
            if (leaves_moments) add_tile<PIECES, OUT>(sums, inside, moments);
        }
        barrier();
    }
    if (leaves_moments) finish_moments<OUT, Tile::THREADS>(args, channels, first, block_index() / parts, moments, shared);
}

// NAME_IN_OUT, for IN channels in and a multiple of OUT channels out: SHARED_BYTES of each must be asked for at the launch.
#define CONV3X3(NAME, KIND, IN, OUT, STRIDE, WARP_PIXELS, SPLIT) \
    VALUE_KERNEL(NAME##_##IN##_##OUT, ConvArgs, 128 * SPLIT, (ConvTile<KIND, IN, OUT, STRIDE, WARP_PIXELS, SPLIT>::TOGETHER)) \
    { \
        conv3x3<KIND, IN, OUT, STRIDE, WARP_PIXELS, SPLIT>(args); \
    }

CONV3X3(conv3x3, Kind::Forward, 16, 16, 1, 32, 1)
CONV3X3(conv3x3, Kind::Forward, 32, 32, 1, 16, 2)
CONV3X3(conv3x3, Kind::Forward, 64, 32, 1, 16, 2)
CONV3X3(conv3x3_stride2, Kind::Forward, 16, 32, 2, 16, 1)
CONV3X3(conv3x3_stride2, Kind::Forward, 32, 32, 2, 16, 2)
CONV3X3(conv3x3_gradient, Kind::Gradient, 16, 16, 1, 32, 1)
CONV3X3(conv3x3_gradient, Kind::Gradient, 32, 32, 1, 16, 2)
CONV3X3(conv3x3_gradient, Kind::Gradient, 64, 32, 1, 16, 2)
CONV3X3(conv3x3_stride2_gradient, Kind::Gradient, 32, 16, 2, 32, 1)
CONV3X3(conv3x3_stride2_gradient, Kind::Gradient, 64, 32, 2, 16, 2)
