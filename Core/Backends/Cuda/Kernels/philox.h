// Philox 4×32-10 and the stream of numbers over it, number for number those of RandomStream in C#. Salmon et al. 2011.
#pragma once
#include "gpu.h"

struct PhiloxBlock { u32 a, b, c, d; };

DEVICE PhiloxBlock philox(u64 key, u64 stream, u64 block)
{
    u32 a = (u32)block, b = (u32)(block >> 32), c = (u32)stream, d = (u32)(stream >> 32), k0 = (u32)key, k1 = (u32)(key >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++)
    {
        u64 p = 0xD2511F53ull * a, q = 0xCD9E8D57ull * c;
        a = (u32)(q >> 32) ^ b ^ k0;
        b = (u32)q;
        c = (u32)(p >> 32) ^ d ^ k1;
        d = (u32)p;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return { a, b, c, d };
}

/// Number `position` of a stream.
DEVICE u32 random_number(u64 seed, u64 stream, u64 position)
{
    PhiloxBlock block = philox(seed, stream, position / 4);
    int which = position % 4;
    return which == 0 ? block.a : which == 1 ? block.b : which == 2 ? block.c : block.d;
}

/// A uniform float in [0, 1), a multiple of 2⁻²⁴.
DEVICE float to_unit(u32 number) { return (number >> 8) * (1.0f / (1 << 24)); }
