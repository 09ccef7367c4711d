// Maxima over a dimension of [outer, reduced, inner], of float alone: what is narrower has been widened before.
#include "gpu.h"

struct MaxArgs { const float* x; float* y; i64* index; int outer, reduced, inner; };
struct MaxGradientArgs { const float* dy; const i64* index; float* dx; int outer, reduced, inner; };

/// y[o, i] = maxᵣ x[o, r, i], and index[o, i] the first r that has it.
KERNEL(max_reduce, MaxArgs, BLOCK)
{
    int i = block_index() * BLOCK + thread_index();
    if (i >= args.outer * args.inner) return;
    const float* x = args.x + (i64)(i / args.inner) * args.reduced * args.inner + i % args.inner;
    int best = 0;
    float largest = *x;
    for (int r = 1; r < args.reduced; r++)
    {
        float value = x[(i64)r * args.inner];
        if (is_larger(value, largest)) { best = r; largest = value; }
    }
    args.y[i] = largest;
    args.index[i] = best;
}

/// dx[o, r, i] = dy[o, i] where r = index[o, i], else 0.
KERNEL(max_gradient, MaxGradientArgs, BLOCK)
{
    int i = block_index() * BLOCK + thread_index();
    if (i >= args.outer * args.reduced * args.inner) return;
    int inner = i % args.inner, r = i / args.inner % args.reduced, at = i / (args.inner * args.reduced) * args.inner + inner;
    args.dx[i] = args.index[at] == r ? args.dy[at] : 0;
}
