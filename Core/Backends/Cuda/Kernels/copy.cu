// Moving values: fills, copies between strided places (transposes, slices, pads, concatenations, changes of layout), and from one type
// to another. Every value is read and written once, in most copies by whole lines of 128 bytes on both sides.
#include "storage.h"

struct FillArgs { void* y; u64 bits; int count; };
struct ConvertArgs { const void* x; void* y; int count; };
struct StridedArgs { const void* x; void* y; int count, rank; int sizes[8], x_strides[8], y_strides[8]; };

template <typename T> DEVICE void fill(const FillArgs& args)
{
    int start = block_index() * BLOCK * PER_THREAD + thread_index();
    for (int k = 0; k < PER_THREAD; k++)
        if (start + k * BLOCK < args.count) ((T*)args.y)[start + k * BLOCK] = (T)args.bits;
}

KERNEL(fill_1, FillArgs, BLOCK) { fill<u8>(args); }
KERNEL(fill_2, FillArgs, BLOCK) { fill<u16>(args); }
KERNEL(fill_4, FillArgs, BLOCK) { fill<u32>(args); }
KERNEL(fill_8, FillArgs, BLOCK) { fill<u64>(args); }

/// y = x in the other type, four neighbouring values a thread.
template <typename FROM, typename TO> DEVICE void convert(const ConvertArgs& args)
{
    auto x = (const FROM*)args.x;
    auto y = (TO*)args.y;
    int start = (block_index() * BLOCK + thread_index()) * PER_THREAD;
    if (start + PER_THREAD <= args.count && is_aligned(x) && is_aligned(y)) store4(y + start, load4(x + start));
    else
#pragma nounroll
        for (int i = start; i < start + PER_THREAD && i < args.count; i++) store(y + i, load(x + i));
}

KERNEL(convert_f32_bf16, ConvertArgs, BLOCK) { convert<float, Bf16>(args); }
KERNEL(convert_bf16_f32, ConvertArgs, BLOCK) { convert<Bf16, float>(args); }

/// Where value i of the box is in x and in y, from its index, the last dimension first.
DEVICE void locate(const StridedArgs& args, int i, int& x, int& y)
{
    x = 0;
    y = 0;
    for (int dim = args.rank - 1; dim >= 0; dim--)
    {
        int index = i % args.sizes[dim];
        i /= args.sizes[dim];
        x += index * args.x_strides[dim];
        y += index * args.y_strides[dim];
    }
}

template <typename T> DEVICE void copy_strided(const StridedArgs& args)
{
#pragma nounroll
    for (int k = 0, x, y; k < PER_THREAD; k++)
    {
        int i = (block_index() * PER_THREAD + k) * BLOCK + thread_index();
        if (i >= args.count) return;
        locate(args, i, x, y);
        ((T*)args.y)[y] = ((const T*)args.x)[x];
    }
}

template <typename T> DEVICE void add(T* y, const T* x) { *y += *x; }
DEVICE void add(Bf16* y, const Bf16* x) { store(y, load(y) + load(x)); }

template <typename T> DEVICE void add_strided(const StridedArgs& args)
{
#pragma nounroll
    for (int k = 0, x, y; k < PER_THREAD; k++)
    {
        int i = (block_index() * PER_THREAD + k) * BLOCK + thread_index();
        if (i >= args.count) return;
        locate(args, i, x, y);
        add((T*)args.y + y, (const T*)args.x + x);
    }
}

KERNEL(copy_strided_1, StridedArgs, BLOCK) { copy_strided<u8>(args); }
KERNEL(copy_strided_2, StridedArgs, BLOCK) { copy_strided<u16>(args); }
KERNEL(copy_strided_4, StridedArgs, BLOCK) { copy_strided<u32>(args); }
KERNEL(copy_strided_8, StridedArgs, BLOCK) { copy_strided<u64>(args); }
KERNEL(add_strided_f32, StridedArgs, BLOCK) { add_strided<float>(args); }
KERNEL(add_strided_bf16, StridedArgs, BLOCK) { add_strided<Bf16>(args); }
KERNEL(add_strided_f64, StridedArgs, BLOCK) { add_strided<double>(args); }
KERNEL(add_strided_i64, StridedArgs, BLOCK) { add_strided<i64>(args); }
KERNEL(add_strided_u8, StridedArgs, BLOCK) { add_strided<u8>(args); }
