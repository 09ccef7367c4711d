// Pooling, a thread for every output value forward and for every input value backward, which gathers what its windows give: no two
// threads write one place. Neighbouring threads are neighbouring channels. Each value is read and
// written once where windows do not overlap.
#include "storage.h"
#include "window.h"

struct PoolArgs { Value *x, *y; i64* index; Window g; };

/// The output pixels [first, last) along one axis whose windows hold input place `at`.
struct Range { int first, last; };

DEVICE Range windows_over(int at, int pad, int stride, int kernel, int count)
{
    int from = at + pad - kernel + 1, to = (at + pad) / stride + 1;
    return { from <= 0 ? 0 : (from + stride - 1) / stride, to < count ? to : count };
}

/// The largest value of each window, and its pixel h·W + w in the image; padding never wins.
VALUE_KERNEL(max_pool2d, PoolArgs, BLOCK)
{
    Window g = args.g;
    int i = block_index() * BLOCK + thread_index();
    if (i >= g.n * g.p * g.q * g.c) return;
    Pixel out = pixel_of(i / g.c, g.p, g.q);
    const Value* image = args.x + (i64)out.image * g.h * g.w * g.c + i % g.c;
    int winner = -1;
    float largest = 0;
    for (int r = 0; r < g.r; r++)
        for (int s = 0; s < g.s; s++)
        {
            int h = out.y * g.stride_h + r - g.pad_h, w = out.x * g.stride_w + s - g.pad_w;
            if ((u32)h >= (u32)g.h || (u32)w >= (u32)g.w) continue;
            float value = load(image + (h * g.w + w) * g.c);
            if (winner < 0 || is_larger(value, largest)) { winner = h * g.w + w; largest = value; }
        }
    store(args.y + i, largest);
    args.index[i] = winner;
}

/// dx: every dy is added at the pixel that won.
VALUE_KERNEL(max_pool2d_gradient, PoolArgs, BLOCK)
{
    Window g = args.g;
    int i = block_index() * BLOCK + thread_index();
    if (i >= g.n * g.h * g.w * g.c) return;
    Pixel in = pixel_of(i / g.c, g.h, g.w);
    i64 image = (i64)in.image * g.p * g.q * g.c + i % g.c;
    Range rows = windows_over(in.y, g.pad_h, g.stride_h, g.r, g.p), columns = windows_over(in.x, g.pad_w, g.stride_w, g.s, g.q);
    float sum = 0;
    for (int p = rows.first; p < rows.last; p++)
        for (int q = columns.first; q < columns.last; q++)
        {
            i64 at = image + (i64)(p * g.q + q) * g.c;
            if (args.index[at] == in.y * g.w + in.x) sum += load(args.y + at);
        }
    store(args.x + i, sum);
}

/// The mean of each window; padding counts as zeros.
VALUE_KERNEL(avg_pool2d, PoolArgs, BLOCK)
{
    Window g = args.g;
    int i = block_index() * BLOCK + thread_index();
    if (i >= g.n * g.p * g.q * g.c) return;
    Pixel out = pixel_of(i / g.c, g.p, g.q);
    const Value* image = args.x + (i64)out.image * g.h * g.w * g.c + i % g.c;
    float sum = 0;
    for (int r = 0; r < g.r; r++)
        for (int s = 0; s < g.s; s++)
        {
            int h = out.y * g.stride_h + r - g.pad_h, w = out.x * g.stride_w + s - g.pad_w;
            if ((u32)h < (u32)g.h && (u32)w < (u32)g.w) sum += load(image + (h * g.w + w) * g.c);
        }
    store(args.y + i, sum / (g.r * g.s));
}

/// dx: every dy, divided by the window's size, is added to its pixels.
VALUE_KERNEL(avg_pool2d_gradient, PoolArgs, BLOCK)
{
    Window g = args.g;
    int i = block_index() * BLOCK + thread_index();
    if (i >= g.n * g.h * g.w * g.c) return;
    Pixel in = pixel_of(i / g.c, g.h, g.w);
    const Value* image = args.y + (i64)in.image * g.p * g.q * g.c + i % g.c;
    Range rows = windows_over(in.y, g.pad_h, g.stride_h, g.r, g.p), columns = windows_over(in.x, g.pad_w, g.stride_w, g.s, g.q);
    float sum = 0;
    for (int p = rows.first; p < rows.last; p++)
        for (int q = columns.first; q < columns.last; q++) sum += load(image + (p * g.q + q) * g.c);
    store(args.x + i, sum / (g.r * g.s));
}
