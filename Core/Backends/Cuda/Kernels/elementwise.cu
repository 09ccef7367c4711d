// y = f(x), its gradient, and c = f(a, b): one value after another. All of them wait for memory: a map reads and writes 8 bytes a
// value (4 in bfloat16).
// A thread takes four neighbouring values, by one load where the tensors allow it.
#include "storage.h"
#include "math.h"

struct MapArgs { const Value* x; Value* y; int count; float parameter; };
struct MapGradientArgs { const Value *dy, *x, *y; Value* dx; int count; float parameter; };
struct AffineArgs { const Value* x; Value* y; int count; float scale, shift; };
struct ZipArgs { const Value *a, *b; Value* c; int count, rank; float keep, take; int sizes[8], a_strides[8], b_strides[8]; };

// ---- functions of one value --------------------------------------------------------------------------------------------------

/// Calls f(i) for the thread's values, or f4(i) for four at once where `wide`.
template <typename One, typename Four> DEVICE void for_each(int count, bool wide, One one, Four four)
{
    int start = (block_index() * BLOCK + thread_index()) * PER_THREAD;
    if (wide && start + PER_THREAD <= count) four(start);
    else
#pragma nounroll
        for (int i = start; i < start + PER_THREAD && i < count; i++) one(i);
}

template <typename F> DEVICE void map(const MapArgs& args, F f)
{
    const Value* x = args.x;
    Value* y = args.y;
    for_each(args.count, is_aligned(x) && is_aligned(y), [=](int i) { store(y + i, f(load(x + i))); }, [=](int i)
    {
        Float4 v = load4(x + i);
        store4(y + i, { f(v.x), f(v.y), f(v.z), f(v.w) });
    });
}

/// f gets (dy, x, y).
template <typename F> DEVICE void map_gradient(const MapGradientArgs& args, F f)
{
    const Value *dy = args.dy, *x = args.x, *y = args.y;
    Value* dx = args.dx;
    bool wide = is_aligned(dy) && is_aligned(x) && is_aligned(y) && is_aligned(dx);
    for_each(args.count, wide, [=](int i) { store(dx + i, f(load(dy + i), load(x + i), load(y + i))); }, [=](int i)
    {
        Float4 d = load4(dy + i), u = load4(x + i), v = load4(y + i);
        store4(dx + i, { f(d.x, u.x, v.x), f(d.y, u.y, v.y), f(d.z, u.z, v.z), f(d.w, u.w, v.w) });
    });
}

#define MAP(NAME, VALUE, GRADIENT) \
    VALUE_KERNEL(map_##NAME, MapArgs, BLOCK) \
    { \
        [[maybe_unused]] float p = args.parameter; \
        map(args, [=](float x) -> float { return VALUE; }); \
    } \
    VALUE_KERNEL(map_##NAME##_gradient, MapGradientArgs, BLOCK) \
    { \
        [[maybe_unused]] float p = args.parameter; \
        map_gradient(args, [=]([[maybe_unused]] float dy, [[maybe_unused]] float x, [[maybe_unused]] float y) -> float { return GRADIENT; }); \
    }

// The comparisons are such that NaN goes through.
MAP(abs, x < 0 ? -x : x == 0 ? 0 : x, x > 0 ? dy : x < 0 ? -dy : 0)
MAP(exp, (float)exponential(x), dy * y)
MAP(leaky_relu, x > 0 ? x : p * x, x > 0 ? dy : p * dy)
MAP(log, (float)logarithm(x), dy / x)
MAP(pow, (float)power(x, p), p == 0 ? 0 : dy * p * (float)power(x, p - 1))
MAP(relu, x < 0 ? 0 : x, y <= 0 ? 0 : dy)
MAP(sigmoid, (float)(1 / (1 + exponential(-x))), dy * y * (1 - y))
MAP(sqrt, square_root(x), dy / (2 * y))
MAP(square, x * x, 2 * x * dy)
MAP(tanh, (float)hyperbolic_tangent(x), dy * (1 - y * y))

VALUE_KERNEL(affine, AffineArgs, BLOCK)
{
    float scale = args.scale, shift = args.shift;
    map(MapArgs { args.x, args.y, args.count, 0 }, [=](float x) { return scale * x + shift; });
}

// ---- functions of two values that broadcast ------------------------------------------------------------------------------------

template <typename F> DEVICE void zip(const ZipArgs& args, F f)
{
    const Value *a = args.a, *b = args.b;
    Value* c = args.c;
    if (args.rank == 1 && args.a_strides[0] == 1 && args.b_strides[0] == 1)
    {
        for_each(args.count, is_aligned(a) && is_aligned(b) && is_aligned(c), [=](int i) { store(c + i, f(load(a + i), load(b + i))); }, [=](int i)
        {
            Float4 u = load4(a + i), v = load4(b + i);
            store4(c + i, { f(u.x, v.x), f(u.y, v.y), f(u.z, v.z), f(u.w, v.w) });
        });
        return;
    }
    // Neighbouring threads take neighbouring values of c, and find the operands' values from the index, its last dimension first.
#pragma nounroll
    for (int k = 0; k < PER_THREAD; k++)
    {
        int i = (block_index() * PER_THREAD + k) * BLOCK + thread_index(), rest = i, p = 0, q = 0;
        if (i >= args.count) return;
        for (int dim = args.rank - 1; dim >= 0; dim--)
        {
            int index = rest % args.sizes[dim];
            rest /= args.sizes[dim];
            p += index * args.a_strides[dim];
            q += index * args.b_strides[dim];
        }
        store(c + i, f(load(a + p), load(b + q)));
    }
}

#define ZIP(NAME, VALUE) \
    VALUE_KERNEL(zip_##NAME, ZipArgs, BLOCK) \
    { \
        [[maybe_unused]] float keep = args.keep, take = args.take; \
        zip(args, [=](float a, float b) -> float { return VALUE; }); \
    }

ZIP(add, a + b)
ZIP(sub, a - b)
ZIP(mul, a * b)
ZIP(div, a / b)
ZIP(maximum, is_larger(b, a) ? b : a)
ZIP(maximum_share, a < b ? 0.0f : a == b ? 0.5f : 1.0f)
ZIP(blend, keep * a + take * b)
