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
#define KERNEL(NAME, ARGS, ...) \
    static void NAME(const ARGS& args); \
    static emulator::Kernel registered_##NAME(#NAME, [](const void* args) { NAME(*(const ARGS*)args); }, sizeof(ARGS), __VA_ARGS__); \
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

    Kernel(const char* name, void (*body)(const void*), size_t args_size, int most_threads, int blocks = 1);
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

/// Where a fiber, or the scheduler, goes on: its frame, the instruction, its stack, as GCC's __builtin_setjmp has them.
typedef void* Context[5];

/// From where to where the CPU goes on.
struct Switch { Context& from; Context& to; };

#ifdef __x86_64__
/// Written out, and in the kernel itself: returns to a stack that was not the last one would each be predicted wrongly, and a barrier
/// would cost some times as much. The compiler keeps what it needs of all registers named here, so that a context has only the two that it
/// cannot be asked for, and where to go on. Modes of rounding (mxcsr, the x87 control word) are the same for all: no kernel sets them.
inline __attribute__((always_inline)) void switch_to(Switch contexts)
{
    void **from = contexts.from, **to = contexts.to;
    asm volatile("leaq 1f(%%rip), %%rax\n\t"
        "movq %%rbp, 0(%0)\n\t"
        "movq %%rax, 8(%0)\n\t"
        "movq %%rsp, 16(%0)\n\t"
        "movq 0(%1), %%rbp\n\t"
        "movq 16(%1), %%rsp\n\t"
        "jmpq *8(%1)\n"
        "1:"
        : "+D"(from), "+S"(to) :
        : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc",
          "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
          "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#ifdef __AVX512F__
        , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29",
          "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#endif
#ifdef __APX_F__
        , "r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23", "r24", "r25", "r26", "r27", "r28", "r29", "r30", "r31"
#endif
    );
}
#else
void switch_to(Switch contexts);
#endif

/// Parks the fiber until all threads of the block are here; it is to be left as is returned.
Switch park_at_barrier();

/// Parks the fiber until all 32 lanes are here; then `together` is called once with the operands of all lanes.
Switch park_in_warp(void (*together)(void** operands), void* operands);

template <typename T> struct Shuffle { T value, result; int mask; };

template <typename T> T shuffle(T value, int mask)
{
    Shuffle<T> mine { value, T(), mask };
    switch_to(park_in_warp([](void** lanes)
    {
        for (int lane = 0; lane < 32; lane++)
        {
            auto own = (Shuffle<T>*)lanes[lane];
            own->result = ((Shuffle<T>*)lanes[lane ^ own->mask])->value;
        }
    }, &mine));
    return mine.result;
}
}

DEVICE int thread_index() { return emulator::now.thread; }
DEVICE int block_index() { return emulator::now.block; }
DEVICE void barrier() { emulator::switch_to(emulator::park_at_barrier()); }
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

/// The product of TF32, 8 deep, of the operands of all lanes.
void multiply_add_tf32(void** lanes);

/// The product of bfloat16, 16 deep, of the operands of all lanes.
void multiply_add_bf16(void** lanes);
}

DEVICE void multiply_add_tf32(float (&d)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1)
{
    emulator::Product mine { d, { a0, a1, a2, a3 }, { b0, b1 } };
    emulator::switch_to(emulator::park_in_warp(emulator::multiply_add_tf32, &mine));
}

DEVICE void multiply_add_bf16(float (&d)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1)
{
    emulator::Product mine { d, { a0, a1, a2, a3 }, { b0, b1 } };
    emulator::switch_to(emulator::park_in_warp(emulator::multiply_add_bf16, &mine));
}
