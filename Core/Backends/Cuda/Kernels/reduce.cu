// Sums over a dimension of [outer, reduced, inner]. A sum reads its values once. They are added up in double, four at a time; the order depends on the sizes alone.
#include "storage.h"
#include "columns.h"

struct SumArgs { const Value* x; float* y; int outer, reduced, inner, chunks; };

/// y[o, k, i] = Σ x[o, r, i] over the rows r of chunk k, in float whatever x holds. Long sums take two launches: into chunks, and over them.
VALUE_KERNEL(sum, SumArgs, BLOCK)
{
    SHARED(double, shared, BLOCK);
    Columns columns = Columns::of(args.inner);
    int tile = block_index() % columns.tiles, chunk = block_index() / columns.tiles % args.chunks;
    int o = block_index() / (columns.tiles * args.chunks), column = tile * columns.lanes + columns.lane;
    int length = (args.reduced + args.chunks - 1) / args.chunks, first = chunk * length;
    int last = first + length < args.reduced ? first + length : args.reduced;
    double sum = 0;
    float some = 0;
    if (column < args.inner)
        in_fours(first + columns.row, last, columns.rows, [&](int r) { some += load(args.x + ((i64)o * args.reduced + r) * args.inner + column); },
            [&] { sum += some; some = 0; });
    sum = fold(columns, shared, sum);
    if (columns.row == 0 && column < args.inner) args.y[((i64)o * args.chunks + chunk) * args.inner + column] = (float)sum;
}
