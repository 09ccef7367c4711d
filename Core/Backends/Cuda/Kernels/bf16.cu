// The module of everything that images held in bfloat16 go through; the head of a model, in float, is in general.cu.
#include "storage.h"
#define VALUE_KERNEL(NAME, ARGS, ...) KERNEL(NAME##_bf16, ARGS, __VA_ARGS__)

namespace bf16
{
typedef Bf16 Value;

#include "elementwise.cu"
#include "reduce.cu"
#include "convolution.cu"
#include "convolution_images.cu"
#include "convolution_3x3.cu"
#include "convolution_3x3_gradient.cu"
#include "pooling.cu"
#include "normalization.cu"
#include "normalization_rows.cu"
#include "group_norm.cu"
}
