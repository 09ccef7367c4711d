// The optimizer and dropout's masks: one pass each over flat buffers. SGD of ResNet-20's 270,000 parameters moves 20 bytes a parameter,
// 5.4 MB, which at that size come from the L2 cache: some 3 µs.
#include "gpu.h"
#include "philox.h"

struct SgdArgs
{
    float* parameter;
    const float* gradient;
    float* velocity;
    const float* rates;
    const int* step;
    int count;
    float learning_rate, momentum, dampening, weight_decay;
    int first, nesterov;
};

struct DropoutArgs { float* y; const u64* position; u64 seed, stream, start; double p; int count; float kept; };

/// g = gradient + weight_decay·parameter; v = momentum·v + (1 − dampening)·g, or g on the first step; parameter −= rate · (v, or with
/// Nesterov g + momentum·v). In a graph the rate is rates[*step], or *rates without a step: what is in memory can change between replays.
KERNEL(sgd, SgdArgs, BLOCK)
{
    float rate = args.rates == nullptr ? args.learning_rate : args.rates[args.step == nullptr ? 0 : *args.step];
    int start = block_index() * BLOCK * PER_THREAD + thread_index();
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++)
    {
        int i = start + k * BLOCK;
        if (i >= args.count) return;
        float parameter = args.parameter[i], g = args.weight_decay * parameter + args.gradient[i];
        if (args.velocity != nullptr)
        {
            float v = args.first ? g : args.momentum * args.velocity[i] + (1 - args.dampening) * g;
            args.velocity[i] = v;
            g = args.nesterov ? g + args.momentum * v : v;
        }
        args.parameter[i] = parameter - rate * g;
    }
}

/// y[i] = 0 with probability p, else kept = 1/(1 − p): by number start + *position + i of the stream, as on the CPU.
KERNEL(dropout_mask, DropoutArgs, BLOCK)
{
    u64 position = args.start + (args.position == nullptr ? 0 : *args.position);
    for (int k = 0; k < PER_THREAD; k++)
    {
        int i = (block_index() * PER_THREAD + k) * BLOCK + thread_index();
        if (i < args.count) args.y[i] = to_unit(random_number(args.seed, args.stream, position + i)) < args.p ? 0 : args.kept;
    }
}
