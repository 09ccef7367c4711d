// The sizes of a convolution or pooling, as in C#: N batch, C channels in, K channels out, H×W input pixels, P×Q output pixels,
// R×S kernel. Pixels are channels last: pixel (n, h, w) starts at ((n·H + h)·W + w)·C. Weights are row-major [K, C, R, S].
#pragma once
#include "storage.h"

struct Window { int n, c, h, w, k, p, q, r, s, stride_h, stride_w, pad_h, pad_w; };

/// What convolutions take: x and y are the input and the output, of which a gradient is the one that is written. Where the forward
/// convolution is to leave statistics of y (convolution_moments.h), `mean` and what follows it are there.
struct ConvArgs
{
    const Value* x;
    const float *weight, *bias;
    const Value* y;
    float *mean, *variance, *partials;
    u32* tickets;
    Window g;
    int chunks, add;    // add: an input gradient is added to what is in x
};

/// A pixel's image and place.
struct Pixel { int image, y, x; };

DEVICE Pixel pixel_of(int index, int height, int width)
{
    int row = index / width;
    return { row / height, row % height, index % width };
}
