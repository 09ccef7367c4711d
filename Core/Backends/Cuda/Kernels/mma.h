// Tensor-core products of TF32: floats rounded to 10 bits of mantissa, their products added up in float.
//
// The 32 lanes of a warp hold the matrices together. With group = lane / 4 and place = lane % 4, a lane has of A (16 × 8)
// {A[group][place], A[group + 8][place], A[group][place + 4], A[group + 8][place + 4]}, of B (8 × 8) {B[place][group], B[place + 4][group]},
// and of the sums D (16 × 8) {D[group][2·place], D[group][2·place + 1], D[group + 8][2·place], D[group + 8][2·place + 1]}.
#pragma once
#include "gpu.h"

#ifndef MINIDL_EMULATED

/// Rounds to TF32, ties away from zero. The tensor core itself would cut the bits off.
DEVICE u32 to_tf32(float value)
{
    u32 bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
    return bits;
}

/// d += a · b, by all 32 lanes together.
DEVICE void multiply_add_tf32(float (&d)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1)
{
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

#endif

/// Four values at a time into shared memory, rounded.
struct alignas(16) Tf32x4 { u32 x, y, z, w; };

DEVICE Tf32x4 to_tf32(const Float4& v) { return { to_tf32(v.x), to_tf32(v.y), to_tf32(v.z), to_tf32(v.w) }; }
