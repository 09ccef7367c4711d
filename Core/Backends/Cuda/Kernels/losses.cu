// Softmax and cross-entropy: a warp for every row. At 128 rows of 10 classes each of these is a launch and little else.
#include "gpu.h"
#include "columns.h"
#include "math.h"

struct SoftmaxArgs { const float* x; float* y; int rows, columns; };
struct SoftmaxGradientArgs { const float *dy, *y; float* dx; int rows, columns; };
struct LikelihoodArgs { const float* log_probabilities; const i64* labels; float* loss; int rows, columns; };
struct CrossEntropyArgs { const float *dloss, *log_probabilities; const i64* labels; float* dx; int rows, columns; };

DEVICE int row_of_warp() { return block_index() * (BLOCK / 32) + thread_index() / 32; }

/// y[r] = x[r] − log Σ exp x[r], with the largest value subtracted first.
KERNEL(log_softmax, SoftmaxArgs, BLOCK)
{
    int row = row_of_warp(), lane = thread_index() % 32;
    if (row >= args.rows) return;
    const float* x = args.x + (i64)row * args.columns;
    float largest = bits_to_float(0xFF800000u);  // −∞
    for (int c = lane; c < args.columns; c += 32) largest = is_larger(x[c], largest) ? x[c] : largest;
    for (int mask = 1; mask < 32; mask *= 2)
    {
        float other = shuffle_xor(largest, mask);
        largest = is_larger(other, largest) ? other : largest;
    }
    double sum = 0;
    for (int c = lane; c < args.columns; c += 32) sum += exponential((double)x[c] - largest);
    double log_sum = logarithm(warp_sum(sum));
    for (int c = lane; c < args.columns; c += 32) args.y[(i64)row * args.columns + c] = (float)((double)x[c] - largest - log_sum);
}

/// dx[r] = dy[r] − exp(y[r]) · Σ dy[r].
KERNEL(log_softmax_gradient, SoftmaxGradientArgs, BLOCK)
{
    int row = row_of_warp(), lane = thread_index() % 32;
    if (row >= args.rows) return;
    i64 start = (i64)row * args.columns;
    double sum = 0;
    for (int c = lane; c < args.columns; c += 32) sum += args.dy[start + c];
    sum = warp_sum(sum);
    for (int c = lane; c < args.columns; c += 32) args.dx[start + c] = (float)(args.dy[start + c] - exponential(args.y[start + c]) * sum);
}

/// loss = −mean over the rows of log_probabilities[r, labels[r]].
KERNEL(negative_log_likelihood, LikelihoodArgs, BLOCK)
{
    SHARED(double, shared, BLOCK);
    double sum = 0;
    for (int row = thread_index(); row < args.rows; row += BLOCK) {
        i64 label = args.labels[row];
        // The host checks labels; one that it could not see must not read elsewhere.
        sum -= label >= 0 && label < args.columns ? args.log_probabilities[(i64)row * args.columns + label] : __builtin_nanf("");
    }
    sum = block_sum(shared, sum);
    if (thread_index() == 0) *args.loss = (float)(sum / args.rows);
}

/// dx[r, c] = (exp(log_probabilities[r, c]) − [c = labels[r]]) · dloss / rows.
KERNEL(cross_entropy_gradient, CrossEntropyArgs, BLOCK)
{
    int i = block_index() * BLOCK + thread_index();
    if (i >= args.rows * args.columns) return;
    double hit = args.labels[i / args.columns] == i % args.columns ? 1 : 0;
    args.dx[i] = (float)((exponential(args.log_probabilities[i]) - hit) * *args.dloss / args.rows);
}
