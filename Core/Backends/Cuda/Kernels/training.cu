// The optimizer, one pass over flat buffers; running statistics; and what changes from one replay of a graph to the next. SGD of ResNet-20's 270,000
// parameters moves 20 bytes a parameter, 5.4 MB, which at that size come from the L2 cache.
#include "gpu.h"

struct SgdArgs
{
    float* parameter;
    const float* gradient;
    float* velocity;
    const float* rate;
    int count;
    float learning_rate, momentum, dampening, weight_decay;
    int first, nesterov;
};

/// g = gradient + weight_decay·parameter; v = momentum·v + (1 − dampening)·g, or g on the first step; parameter −= rate · (v, or with
/// Nesterov g + momentum·v). In a graph the rate is *rate: what is in memory can change between replays.
KERNEL(sgd, SgdArgs, BLOCK)
{
    // With the sum clang chooses between two values; between two addresses it would copy the structure to local memory.
    float rate = args.rate == nullptr ? args.learning_rate + 0 : *args.rate;
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

struct RunningArgs
{
    float *running_mean, *running_spread;
    i64* batches;
    const float *mean, *spread;
    int samples, channels;
    float keep, take_mean, take_spread;
};

/// A batch's statistics, [samples, channels], go into the running ones, [channels]: running = keep·running + take·Σ over the samples. The
/// batch is counted. A launch for what three primitives would do: each of them would last as long.
KERNEL(running_statistics, RunningArgs, BLOCK)
{
    int channel = block_index() * BLOCK + thread_index();
    if (channel == 0 && args.batches != nullptr) ++*args.batches;
    if (channel >= args.channels) return;
    double mean = 0, spread = 0;
    for (int sample = 0; sample < args.samples; sample++)
    {
        mean += args.mean[sample * args.channels + channel];
        spread += args.spread[sample * args.channels + channel];
    }
    args.running_mean[channel] = args.keep * args.running_mean[channel] + args.take_mean * (float)mean;
    args.running_spread[channel] = args.keep * args.running_spread[channel] + args.take_spread * (float)spread;
}

struct StoreArgs { u64* y; int count, unused; u64 values[32]; };

/// y[i] = values[i]. The values travel with the launch, so that no buffer can be written over while the GPU is behind: what changes
/// from one replay of a graph to the next (learning rate, positions of random streams) gets onto the device like this.
KERNEL(store_words, StoreArgs, 32)
{
    int i = thread_index();
    if (i < args.count) args.y[i] = args.values[i];
}
