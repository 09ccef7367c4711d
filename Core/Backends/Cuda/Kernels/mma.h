// Tensor-core products, added up in float, of words of 32 bits: a word is one float rounded to TF32 (10 bits of mantissa), or two
// neighbouring values in bfloat16, the first in the lower half. With PER_WORD values in a word, a is 16 × 8 words, b is 8 words × 8.
//
// The 32 lanes of a warp hold the matrices together. With group = lane / 4 and place = lane % 4, a lane has of A the words
// {A[group][place], A[group + 8][place], A[group][place + 4], A[group + 8][place + 4]}, of B {B[place][group], B[place + 4][group]},
// and of the sums D (16 × 8) {D[group][2·place], D[group][2·place + 1], D[group + 8][2·place], D[group + 8][2·place + 1]}. In the PTX ISA,
// "Warp-level matrix instructions", these are the fragments of mma.m16n8k8 for .tf32 (columns place and place + 4 of A) and of mma.m16n8k16
// for .bf16 (columns 2·place, 2·place + 1, and the same + 8): counted in words they are the same places.
#pragma once
#include "storage.h"

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

DEVICE void multiply_add_bf16(float (&d)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1)
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

#endif

/// How many of the module's values a word holds.
constexpr int PER_WORD = 4 / (int)sizeof(Value);

/// d += a · b of words of the module's values.
DEVICE void multiply_add(float (&d)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1)
{
    if constexpr (PER_WORD == 1) multiply_add_tf32(d, a0, a1, a2, a3, b0, b1);
    else multiply_add_bf16(d, a0, a1, a2, a3, b0, b1);
}

/// The word that a parameter makes, where a word holds two together with the one `next` floats after it.
DEVICE u32 to_word(const float* parameter, int next)
{
    if constexpr (PER_WORD == 1) return to_tf32(*parameter);
    else return to_bf16_pair(parameter[0], parameter[next]);
}

/// What lies in memory: four floats, or four values in bfloat16.
template <typename T> struct Four;
template <> struct Four<float> { typedef Words4 Bits; };
template <> struct Four<Bf16> { typedef Words2 Bits; };

/// Four values as TF32, a word each; a bfloat16 is one already.
DEVICE Words4 words_of_tf32(const Words4& floats)
{
    return { to_tf32(bits_to_float(floats.x)), to_tf32(bits_to_float(floats.y)), to_tf32(bits_to_float(floats.z)), to_tf32(bits_to_float(floats.w)) };
}

DEVICE Words4 words_of_tf32(const Words2& pairs)
{
    return { pairs.x << 16, pairs.x & 0xFFFF0000u, pairs.y << 16, pairs.y & 0xFFFF0000u };
}

/// 16 bytes of values as words of the module's values.
DEVICE Words4 to_words(const Words4& bits)
{
    if constexpr (PER_WORD == 1) return words_of_tf32(bits);
    else return bits;
}
