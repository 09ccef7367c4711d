// What kernels are written in: a thin layer over the GPU, built in two ways. clang compiles it to PTX; with MINIDL_EMULATED g++
// compiles the same kernels against emulator.h, which runs them on the CPU for the tests.
//
// Grids and blocks have one dimension. A kernel takes one struct by value, whose layout its launcher in C# repeats.
// Rules that the tests hold every kernel to: sums have a fixed order (no float atomics, and nothing depends on how many
// multiprocessors there are), so that two runs give the same bits; no address is taken of a local array, so that it stays in registers.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

/// Four floats that are loaded and stored by one instruction of 16 bytes; four words likewise.
struct alignas(16) Float4 { float x, y, z, w; };
struct alignas(8) Float2 { float x, y; };
struct alignas(16) Words4 { u32 x, y, z, w; };
struct alignas(8) Words2 { u32 x, y; };

#ifdef MINIDL_EMULATED
#include "emulator.h"
#else

#include <__clang_cuda_builtin_vars.h>

/// A function that kernels call, MEMBER of a struct; all are inlined, so that nothing is passed through memory.
#define DEVICE static MEMBER
#define MEMBER __attribute__((device)) __attribute__((always_inline)) inline

/// Declares the kernel NAME(const ARGS args) for blocks of at most so many threads. A 1 after that says that one block a multiprocessor is
/// enough: the assembler saves no registers then, of which it has gone so far as to spill some, so that more blocks should fit.
#define KERNEL(NAME, ARGS, ...) \
    extern "C" __attribute__((global)) __attribute__((launch_bounds(__VA_ARGS__))) void NAME(const ARGS args)

/// An array in shared memory: of a size known here, or of the size that the launch asked for; aligned for accesses of 16 bytes.
#define SHARED(TYPE, NAME, COUNT) static __attribute__((shared)) __attribute__((aligned(16))) TYPE NAME[COUNT]
#define SHARED_DYNAMIC(TYPE, NAME) extern __attribute__((shared)) __attribute__((aligned(16))) TYPE NAME[]

DEVICE int thread_index() { return __nvvm_read_ptx_sreg_tid_x(); }
DEVICE int block_index() { return __nvvm_read_ptx_sreg_ctaid_x(); }

/// Every thread of the block waits for the others, and sees what they wrote.
DEVICE void barrier() { __syncthreads(); }

/// What was written before is seen by the whole GPU before anything that is written after.
DEVICE void fence() { __nvvm_membar_gl(); }

/// What another block wrote before: from the L2 cache, which all of them share.
DEVICE Float2 load_fresh(const Float2* from)
{
    Float2 v;
    asm volatile("ld.global.cg.v2.f32 {%0,%1}, [%2];" : "=f"(v.x), "=f"(v.y)
        : "l"((__attribute__((address_space(1))) const void*)from) : "memory");
    return v;
}

DEVICE Float4 load_fresh(const Float4* from)
{
    Float4 v;
    asm volatile("ld.global.cg.v4.f32 {%0,%1,%2,%3}, [%4];" : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
        : "l"((__attribute__((address_space(1))) const void*)from) : "memory");
    return v;
}

/// Adds 1 to a counter in global memory; returns what it was.
DEVICE u32 take_ticket(u32* counter) { return __nvvm_atom_add_gen_i((int*)counter, 1); }

/// The value of the lane whose number differs in the bits of `mask`; all 32 lanes of the warp take part.
DEVICE float shuffle_xor(float value, int mask) { return __nvvm_shfl_sync_bfly_f32(0xffffffffu, value, mask, 31); }
DEVICE int shuffle_xor(int value, int mask) { return __nvvm_shfl_sync_bfly_i32(0xffffffffu, value, mask, 31); }

DEVICE float bits_to_float(u32 bits) { return __builtin_bit_cast(float, bits); }
DEVICE u32 float_to_bits(float value) { return __builtin_bit_cast(u32, value); }
/// Two floats rounded to bfloat16, to the nearest and ties to even, the first in the lower half; NaN becomes 0x7FFF.
DEVICE u32 to_bf16_pair(float low, float high) { return __builtin_bit_cast(u32, __nvvm_ff2bf16x2_rn(high, low)); }
DEVICE u16 to_bf16(float value) { return __builtin_bit_cast(u16, __nvvm_f2bf16_rn(value)); }

DEVICE double bits_to_double(u64 bits) { return __builtin_bit_cast(double, bits); }
DEVICE u64 double_to_bits(double value) { return __builtin_bit_cast(u64, value); }

#endif

DEVICE double shuffle_xor(double value, int mask)
{
    u64 bits = double_to_bits(value);
    u32 low = (u32)shuffle_xor((int)(u32)bits, mask), high = (u32)shuffle_xor((int)(u32)(bits >> 32), mask);
    return bits_to_double((u64)high << 32 | low);
}

/// The sum over the 32 lanes of a warp, in every lane: neighbours first, so that the order is fixed.
DEVICE double warp_sum(double value)
{
    for (int mask = 1; mask < 32; mask *= 2) value += shuffle_xor(value, mask);
    return value;
}

/// NaN is larger than every number, so that it is not lost.
DEVICE bool is_larger(float a, float b) { return a > b || (a != a && b == b); }

/// Most kernels have blocks of this many threads; elementwise ones take four values a thread.
constexpr int BLOCK = 256;
constexpr int PER_THREAD = 4;
