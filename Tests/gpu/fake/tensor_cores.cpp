// The products that a warp makes together on tensor cores.
typedef unsigned int u32;
typedef unsigned long long u64;
#include "emulator.h"

namespace emulator
{
namespace
{
typedef float Row __attribute__((vector_size(32)));

/// d += a·b, each lane with its four values of d.
template <int DEPTH> void add_products(void** lanes, const float (&a)[16][DEPTH], const Row (&b)[DEPTH])
{
    Row d[16] {};
    for (int row = 0; row < 16; row++)
        for (int k = 0; k < DEPTH; k++) d[row] += a[row][k] * b[k];
    for (int lane = 0; lane < 32; lane++)
    {
        float* own = ((Product*)lanes[lane])->d;
        for (int i = 0; i < 4; i++) own[i] += d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
    }
}
}

/// By the numbers that the PTX ISA gives to the values (mma.m16n8k8, .tf32): of A, value i of a lane is in row group + 8·(i % 2) and column
/// place + 4·(i / 2); of B, in row place + 4·i and column group.
void multiply_add_tf32(void** lanes)
{
    float a[16][8];
    Row b[8];
    for (int lane = 0; lane < 32; lane++)
    {
        auto p = (const Product*)lanes[lane];
        int group = lane / 4, place = lane % 4;
        for (int i = 0; i < 4; i++) a[group + i % 2 * 8][place + i / 2 * 4] = bits_to_float(p->a[i]);
        for (int i = 0; i < 2; i++) b[place + i * 4][group] = bits_to_float(p->b[i]);
    }
    add_products(lanes, a, b);
}

/// As in the PTX ISA (mma.m16n8k16, .bf16): a register has values 2r and 2r + 1, the first in the lower half. Value i of A is in row group
/// for i in {0, 1, 4, 5}, else group + 8, and in column 2·place + i % 2, + 8 for i ≥ 4; of B, in row 2·place + i % 2, + 8 for i ≥ 2, and
/// column group.
void multiply_add_bf16(void** lanes)
{
    float a[16][16];
    Row b[16];
    auto value = [](const u32* registers, int i)
    {
        return bits_to_float(i % 2 == 0 ? registers[i / 2] << 16 : registers[i / 2] & 0xFFFF0000u);
    };
    for (int lane = 0; lane < 32; lane++)
    {
        auto p = (const Product*)lanes[lane];
        int group = lane / 4, place = lane % 4;
        for (int i = 0; i < 8; i++) a[i / 2 % 2 == 0 ? group : group + 8][2 * place + i % 2 + (i >= 4 ? 8 : 0)] = value(p->a, i);
        for (int i = 0; i < 4; i++) b[2 * place + i % 2 + (i >= 2 ? 8 : 0)][group] = value(p->b, i);
    }
    add_products(lanes, a, b);
}
}
