// How tensors hold their values: as float, or as bfloat16, which is the upper half of a float: its exponent and 7 bits of mantissa. A
// kernel computes in float whatever it loads from; storing rounds once, to the nearest value.
//
// Kernels for values of either type are written once, for the type `Value` that the module defines which includes them (general.cu,
// bf16.cu, …), and declared by VALUE_KERNEL, which puts the module's suffix to their name. Parameters, statistics and the gradients of
// parameters are float in all of them.
#pragma once
#include "gpu.h"

struct Bf16 { u16 bits; };

/// The halves of a word that holds two.
DEVICE float low_half(u32 word) { return bits_to_float(word << 16); }
DEVICE float high_half(u32 word) { return bits_to_float(word & 0xFFFF0000u); }

DEVICE float load(const float* from) { return *from; }
DEVICE float load(const Bf16* from) { return low_half(from->bits); }

DEVICE void store(float* to, float value) { *to = value; }
DEVICE void store(Bf16* to, float value) { to->bits = to_bf16(value); }

// Two and four neighbouring values at once, from where the first is aligned so.

DEVICE Float2 load2(const float* from) { return *(const Float2*)from; }

DEVICE Float2 load2(const Bf16* from)
{
    u32 word = *(const u32*)from;
    return { low_half(word), high_half(word) };
}

DEVICE void store2(float* to, const Float2& value) { *(Float2*)to = value; }
DEVICE void store2(Bf16* to, const Float2& value) { *(u32*)to = to_bf16_pair(value.x, value.y); }

DEVICE Float4 load4(const float* from) { return *(const Float4*)from; }

DEVICE Float4 load4(const Bf16* from)
{
    Words2 words = *(const Words2*)from;
    return { low_half(words.x), high_half(words.x), low_half(words.y), high_half(words.y) };
}

DEVICE void store4(float* to, const Float4& value) { *(Float4*)to = value; }

DEVICE void store4(Bf16* to, const Float4& value)
{
    *(Words2*)to = { to_bf16_pair(value.x, value.y), to_bf16_pair(value.z, value.w) };
}

/// Whether four values can be loaded at once from here.
template <typename T> DEVICE bool is_aligned(const T* pointer) { return ((u64)pointer & (4 * sizeof(T) - 1)) == 0; }

/// A float as a value of type T would hold it.
template <typename T> DEVICE float rounded(float value)
{
    if constexpr (sizeof(T) == sizeof(Bf16)) return low_half(to_bf16(value));
    else return value;
}
