// The module of what images held in float go through: convolutions of any shape, pooling, normalization.
#include "storage.h"
#define VALUE_KERNEL(NAME, ARGS, ...) KERNEL(NAME, ARGS, __VA_ARGS__)

namespace f32
{
typedef float Value;

#include "convolution.cu"
#include "convolution_images.cu"
#include "pooling.cu"
#include "normalization.cu"
#include "normalization_rows.cu"
#include "group_norm.cu"
}
