// The module of convolutions that round floats to TF32 for the tensor cores.
#include "storage.h"
#define VALUE_KERNEL(NAME, ARGS, ...) KERNEL(NAME##_tf32, ARGS, __VA_ARGS__)

namespace tf32
{
typedef float Value;

#include "convolution_3x3.cu"
#include "convolution_3x3_gradient.cu"
}
