// The module that every run needs: elementwise kernels, sums and products of float tensors, losses, the optimizer, and what moves values of
// any type.
#include "storage.h"
#define VALUE_KERNEL(NAME, ARGS, ...) KERNEL(NAME, ARGS, __VA_ARGS__)

// Each module has a namespace, because the emulator links them all together.
namespace general
{
typedef float Value;

#include "copy.cu"
#include "elementwise.cu"
#include "dropout.cu"
#include "reduce.cu"
#include "maxima.cu"
#include "matmul.cu"
#include "losses.cu"
#include "training.cu"
#include "gather.cu"
}
