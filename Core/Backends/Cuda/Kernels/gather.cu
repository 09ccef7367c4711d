// A batch out of a training set that lies on the GPU as bytes: picked by a permutation, augmented and normalized like the CPU's loader does
// it, number for number. A block makes an image. CIFAR-10's 154 MB fit any GPU; a batch of 128 reads 0.4 MB and writes 1.6 MB.
#include "gpu.h"
#include "philox.h"

struct GatherArgs
{
    const u8* images;       // [N, C, H, W]
    const i64* labels;
    const i64* order;       // a permutation of the examples, or null for their own order
    const u64* cursor;      // where in the order the batch begins
    const u64* stream;      // the number of the epoch's stream of augmentations
    const float* table;     // [C, 256]: the normalized value of every byte
    float* x;               // [batch, H, W, C]
    i64* y;
    u64 seed;
    int batch, channels, height, width, pad, flip, augment;
};

/// A stream of random numbers at a position.
struct RandomStream
{
    u64 seed, stream, position;

    /// A uniform integer in [0, bound), without bias: Lemire's method, as RandomStream.NextInt.
    MEMBER int next(u32 bound)
    {
        for (;;)
        {
            u64 product = (u64)random_number(seed, stream, position++) * bound;
            if ((u32)product >= (u32)(0x100000000ull % bound)) return (int)(product >> 32);
        }
    }
};

/// How many numbers of the stream belong to one example.
constexpr int NUMBERS_PER_IMAGE = 16;

KERNEL(gather_augment, GatherArgs, BLOCK)
{
    i64 position = (i64)*args.cursor + block_index(), example = args.order == nullptr ? position : args.order[position];
    int top = 0, left = 0, width = args.width, height = args.height;
    bool mirrored = false;
    if (args.augment)
    {
        RandomStream random { args.seed, *args.stream, (u64)example * NUMBERS_PER_IMAGE };
        top = random.next(2 * args.pad + 1) - args.pad;
        left = random.next(2 * args.pad + 1) - args.pad;
        mirrored = random.next(2) == 1 && args.flip;
    }
    int values = args.channels * height * width;
    const u8* image = args.images + example * values;
    for (int i = thread_index(); i < values; i += BLOCK)
    {
        int channel = i % args.channels, pixel = i / args.channels, row = pixel / width + top, column = pixel % width;
        column = mirrored ? left + width - 1 - column : left + column;
        bool inside = (u32)row < (u32)height && (u32)column < (u32)width;
        args.x[(i64)block_index() * values + i] = inside ? args.table[channel * 256 + image[(channel * height + row) * width + column]] : 0;
    }
    if (thread_index() == 0) args.y[block_index()] = args.labels[example];
}
