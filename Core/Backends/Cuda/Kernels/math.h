// Exponentials and logarithms. There is no libdevice here, and the GPU's own ex2 and lg2 lose digits where arguments are large,
// so that these are in double, a few multiplications each: rounded to float, they are right to the last digit but for rare ties. The GPUs of data
// centres do one double operation for two of float, so that elementwise kernels still wait for memory, not for this.
#pragma once
#include "gpu.h"

constexpr double LN2 = 0.69314718055994530942;

/// e^x, relative error below 2e-13; 0 and infinity where double ends.
DEVICE double exponential(double x)
{
    if (x != x) return x;
    if (x > 709) return bits_to_double(0x7FF0000000000000ull);
    if (x < -708) return 0;
    // x = n·ln 2 + r with |r| ≤ ln 2 / 2: e^x = 2^n · e^r, and e^r by its Taylor series.
    int n = (int)(x / LN2 + (x < 0 ? -0.5 : 0.5));
    double r = x - n * LN2, sum = 1;
    for (int k = 12; k >= 1; k--) sum = 1 + sum * r * (1.0 / k);
    return sum * bits_to_double((u64)(n + 1023) << 52);
}

/// ln x for x ≥ 0 that is a float or a normal double, relative error below 1e-12; NaN for negative x.
DEVICE double logarithm(double x)
{
    if (!(x >= 0)) return bits_to_double(0x7FF8000000000000ull);
    if (x == 0) return -bits_to_double(0x7FF0000000000000ull);
    u64 bits = double_to_bits(x);
    int n = (int)(bits >> 52) - 1023;
    if (n == 1024) return x;
    // x = 2^n · m with m in [√½, √2): ln m = 2·artanh(s), s = (m − 1)/(m + 1), |s| < 0.172.
    double m = bits_to_double((bits & 0x000FFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
    if (m > 1.41421356237309505) { m *= 0.5; n++; }
    double s = (m - 1) / (m + 1), z = s * s, sum = 0;
    for (int k = 17; k >= 1; k -= 2) sum = sum * z + 1.0 / k;
    return n * LN2 + 2 * s * sum;
}

/// x to the power of p, as the C library defines it.
DEVICE double power(double x, double p)
{
    if (p == 0 || x == 1) return 1;
    if (x != x || p != p) return x + p;
    double size = x < 0 ? -x : x;
    double whole = (double)(i64)p;
    bool integral = (p < 0 ? -p : p) >= 9007199254740992.0 || whole == p;
    bool odd = integral && (p < 0 ? -p : p) < 9007199254740992.0 && ((i64)p & 1);
    if (size == 1 && (p - p) != 0) return 1;
    double result = size == 0 ? (p > 0 ? 0 : bits_to_double(0x7FF0000000000000ull)) : exponential(p * logarithm(size));
    double sign_of_zero = double_to_bits(x) >> 63 ? -1 : 1;
    if (sign_of_zero > 0) return result;
    if (!integral && size != 0 && size - size == 0) return bits_to_double(0x7FF8000000000000ull);
    return odd ? -result : result;
}

/// tanh x; near 0 by its continued fraction, because 1 − 2/(e^2x + 1) would lose all digits there.
DEVICE double hyperbolic_tangent(double x)
{
    double size = x < 0 ? -x : x;
    if (size < 0.5)
    {
        double z = x * x;
        return x * ((z + 105) * z + 945) / ((15 * z + 420) * z + 945);
    }
    double far = 1 - 2 / (exponential(2 * size) + 1);
    return x < 0 ? -far : far;
}

DEVICE float square_root(float x) { return __builtin_sqrtf(x); }
