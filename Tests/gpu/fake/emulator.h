// The primitives of gpu.h on the CPU. Every thread of a block is a fiber; barriers and operations of a warp are where fibers meet.
// What it finds that a GPU may not show: shared memory starts as NaN, so that a missing barrier gives NaN; the order of warps,
// lanes and blocks can be reversed or random, so that races change results; and a barrier that not all threads reach, or a warp
// operation that misses a lane, ends the launch with a message.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstring>

#define DEVICE static MEMBER
#define MEMBER inline __attribute__((unused))
#define KERNEL(NAME, ARGS, THREADS) \
    static void NAME(const ARGS& args); \
    static emulator::Kernel registered_##NAME(#NAME, [](const void* args) { NAME(*(const ARGS*)args); }, sizeof(ARGS), THREADS); \
    static void NAME([[maybe_unused]] const ARGS& args)
#define SHARED(TYPE, NAME, COUNT) TYPE* const NAME = (TYPE*)emulator::shared_array(sizeof(TYPE) * (COUNT))
#define SHARED_DYNAMIC(TYPE, NAME) TYPE* const NAME = (TYPE*)emulator::now.dynamic_shared

namespace emulator
{
/// A kernel of the library; all of them are linked into a list before main.
struct Kernel
{
    const char* name;
    void (*body)(const void* args);
    size_t args_size;
    int most_threads;
    Kernel* next;

    Kernel(const char* name, void (*body)(const void*), size_t args_size, int most_threads);
};

/// Where the running fiber is; the scheduler sets it before it switches.
struct Position
{
    int thread, block;
    char* static_shared;
    char* dynamic_shared;
    size_t static_used;
};

extern Position now;
extern Kernel* kernels;

enum class Order { Ascending, Reversed, Random };

struct Launch { const Kernel* kernel; const void* args; int grid, threads; size_t dynamic_bytes; Order order; u32 seed; };

/// Runs a launch to its end. Returns null, or what went wrong: an access out of bounds, or threads that do not meet.
const char* run(const Launch& launch);

/// Gives the fibers' stacks back, two maps each: a driver of a test's own is not unloaded.
void end();

/// The next array of the block's static shared memory: each thread asks for the same ones in the same order.
void* shared_array(size_t bytes);

/// Parks the fiber until all threads of the block are here.
void wait_for_block();

/// Parks the fiber until all 32 lanes are here; then `together` is called once with the operands of all lanes.
void meet_warp(void (*together)(void** operands), void* operands);

template <typename T> struct Shuffle { T value, result; int mask; };

template <typename T> T shuffle(T value, int mask)
{
    Shuffle<T> mine { value, T(), mask };
    meet_warp([](void** lanes)
    {
        for (int lane = 0; lane < 32; lane++)
        {
            auto own = (Shuffle<T>*)lanes[lane];
            own->result = ((Shuffle<T>*)lanes[lane ^ own->mask])->value;
        }
    }, &mine);
    return mine.result;
}
}

DEVICE int thread_index() { return emulator::now.thread; }
DEVICE int block_index() { return emulator::now.block; }
DEVICE void barrier() { emulator::wait_for_block(); }
DEVICE void fence() {}
template <typename T> DEVICE T load_fresh(const T* from) { return *from; }
DEVICE u32 take_ticket(u32* counter) { return (*counter)++; }
DEVICE float shuffle_xor(float value, int mask) { return emulator::shuffle(value, mask); }
DEVICE int shuffle_xor(int value, int mask) { return emulator::shuffle(value, mask); }

template <typename To, typename From> static inline To reinterpret_bits(From value)
{
    To to;
    std::memcpy(&to, &value, sizeof to);
    return to;
}

DEVICE float bits_to_float(u32 bits) { return reinterpret_bits<float>(bits); }
DEVICE u32 float_to_bits(float value) { return reinterpret_bits<u32>(value); }
DEVICE double bits_to_double(u64 bits) { return reinterpret_bits<double>(bits); }
DEVICE u64 double_to_bits(double value) { return reinterpret_bits<u64>(value); }

DEVICE unsigned short to_bf16(float value)
{
    u32 bits = float_to_bits(value);
    return value != value ? 0x7FFF : (bits + 0x7FFFu + (bits >> 16 & 1)) >> 16;
}

DEVICE u32 to_bf16_pair(float low, float high) { return to_bf16(low) | (u32)to_bf16(high) << 16; }

/// Rounds to TF32, ties away from zero; infinities and NaN stay.
DEVICE u32 to_tf32(float value)
{
    u32 bits = float_to_bits(value);
    return (bits & 0x7F800000u) == 0x7F800000u ? bits : (bits + 0x1000u) & ~0x1FFFu;
}

namespace emulator
{
struct Product { float* d; u32 a[4], b[2]; };

template <int DEPTH> void add_products(void** lanes, const float (&a)[16][DEPTH], const float (&b)[DEPTH][8])
{
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++)
        {
            int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
            float sum = 0;
            for (int k = 0; k < DEPTH; k++) sum += a[row][k] * b[k][column];
            ((Product*)lanes[lane])->d[i] += sum;
        }
}

/// The product of TF32, 8 deep, by the numbers that the PTX ISA gives to the values (mma.m16n8k8, .tf32): of A, value i of a lane is in
/// row group + 8·(i % 2) and column place + 4·(i / 2); of B, in row place + 4·i and column group.
inline void multiply_add_tf32(void** lanes)
{
    float a[16][8], b[8][8];
    for (int lane = 0; lane < 32; lane++)
    {
        auto p = (const Product*)lanes[lane];
        int group = lane / 4, place = lane % 4;
        for (int i = 0; i < 4; i++) a[group + i % 2 * 8][place + i / 2 * 4] = bits_to_float(p->a[i]);
        for (int i = 0; i < 2; i++) b[place + i * 4][group] = bits_to_float(p->b[i]);
    }
    add_products(lanes, a, b);
}

/// The product of bfloat16, 16 deep (mma.m16n8k16, .bf16): a register has values 2r and 2r + 1, the first in the lower half. Value i of A is
/// in row group for i in {0, 1, 4, 5}, else group + 8, and in column 2·place + i % 2, + 8 for i ≥ 4; of B, in row 2·place + i % 2, + 8 for
/// i ≥ 2, and column group.
inline void multiply_add_bf16(void** lanes)
{
    float a[16][16], b[16][8];
    for (int lane = 0; lane < 32; lane++)
    {
        auto p = (const Product*)lanes[lane];
        int group = lane / 4, place = lane % 4;
        auto value = [](const u32* registers, int i) { return bits_to_float(i % 2 == 0 ? registers[i / 2] << 16 : registers[i / 2] & 0xFFFF0000u); };
        for (int i = 0; i < 8; i++) a[i / 2 % 2 == 0 ? group : group + 8][2 * place + i % 2 + (i >= 4 ? 8 : 0)] = value(p->a, i);
        for (int i = 0; i < 4; i++) b[2 * place + i % 2 + (i >= 2 ? 8 : 0)][group] = value(p->b, i);
    }
    add_products(lanes, a, b);
}
}

DEVICE void multiply_add_tf32(float (&d)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1)
{
    emulator::Product mine { d, { a0, a1, a2, a3 }, { b0, b1 } };
    emulator::meet_warp(emulator::multiply_add_tf32, &mine);
}

DEVICE void multiply_add_bf16(float (&d)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1)
{
    emulator::Product mine { d, { a0, a1, a2, a3 }, { b0, b1 } };
    emulator::meet_warp(emulator::multiply_add_bf16, &mine);
}
