// The module of convolutions that round floats to TF32 for the tensor cores.
#include "storage.h"
#define VALUE_KERNEL(NAME, ARGS, ...) KERNEL(NAME##_tf32, ARGS, __VA_ARGS__)

namespace tf32
{
typedef float Value;

#include "convolution_3x3.cu"
#include "convolution_3x3_gradient.cu"

// The weights of 64 × 32 channels and their pixels take 117 KB of shared memory, more than the 99 that a block can have on consumer GPUs. With
// 16 channels out they take 81; a piece of pixels then serves two products instead of four: shared memory is busy for a third longer. These
// GPUs have 100 KB a multiprocessor, so that one block is all that fits.
VALUE_KERNEL(conv3x3_64_16, ConvArgs, 256, 1) { conv3x3<Kind::Forward, 64, 16, 1, 16, 2>(args); }
VALUE_KERNEL(conv3x3_gradient_64_16, ConvArgs, 256, 1) { conv3x3<Kind::Gradient, 64, 16, 1, 16, 2>(args); }
VALUE_KERNEL(conv3x3_stride2_gradient_64_16, ConvArgs, 256, 1) { conv3x3<Kind::Gradient, 64, 16, 2, 16, 2>(args); }
}
