// Dropout's masks, one pass over what they write.
#include "gpu.h"
#include "philox.h"

struct DropoutArgs { float* y; const u64* position; u64 seed, stream, start; double p; int count; float kept; };

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
