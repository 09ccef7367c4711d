using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MiniDL.Backends.Cpu;

// The implementations differ only in the width: C# has no way to write them once.

internal readonly unsafe struct Simd512(Vector512<float> value) : ISimd<Simd512>
{
    private readonly Vector512<float> _value = value;

    public static int Count => 16;

    public static bool HasManyRegisters => true;

    public static Simd512 Zero => new(Vector512<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 All(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator +(Simd512 a, Simd512 b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator -(Simd512 a, Simd512 b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator *(Simd512 a, Simd512 b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 MultiplyAdd(Simd512 a, Simd512 b, Simd512 c) =>
        new(Vector512.MultiplyAddEstimate(a._value, b._value, c._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 MultiplyAdd(Simd512 a, float* b, Simd512 c) =>
        new(Vector512.MultiplyAddEstimate(a._value, Vector512.Create(*b), c._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Relu(Simd512 a) =>
        new(Vector512.ConditionalSelect(Vector512.LessThan(a._value, Vector512<float>.Zero), Vector512<float>.Zero, a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 WherePositive(Simd512 a, Simd512 b) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(a._value, Vector512<float>.Zero), b._value, Vector512<float>.Zero));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 WhereLarger(Simd512 a, Simd512 b, Simd512 then, Simd512 otherwise)
    {
        // A comparison with NaN is false.
        var larger = Vector512.AndNot(Vector512.Equals(b._value, b._value), Vector512.LessThanOrEqual(a._value, b._value));
        return new(Vector512.ConditionalSelect(larger, then._value, otherwise._value));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Simd512 a) => Vector512.Sum(a._value);
}

internal readonly unsafe struct Simd256(Vector256<float> value) : ISimd<Simd256>
{
    private readonly Vector256<float> _value = value;

    public static int Count => 8;

    public static bool HasManyRegisters => false;

    public static Simd256 Zero => new(Vector256<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 All(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 operator +(Simd256 a, Simd256 b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 operator -(Simd256 a, Simd256 b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 operator *(Simd256 a, Simd256 b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 MultiplyAdd(Simd256 a, Simd256 b, Simd256 c) =>
        new(Vector256.MultiplyAddEstimate(a._value, b._value, c._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 MultiplyAdd(Simd256 a, float* b, Simd256 c) =>
        new(Vector256.MultiplyAddEstimate(a._value, Vector256.Create(*b), c._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Relu(Simd256 a) =>
        new(Vector256.ConditionalSelect(Vector256.LessThan(a._value, Vector256<float>.Zero), Vector256<float>.Zero, a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 WherePositive(Simd256 a, Simd256 b) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(a._value, Vector256<float>.Zero), b._value, Vector256<float>.Zero));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 WhereLarger(Simd256 a, Simd256 b, Simd256 then, Simd256 otherwise)
    {
        // A comparison with NaN is false.
        var larger = Vector256.AndNot(Vector256.Equals(b._value, b._value), Vector256.LessThanOrEqual(a._value, b._value));
        return new(Vector256.ConditionalSelect(larger, then._value, otherwise._value));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Simd256 a) => Vector256.Sum(a._value);
}

internal readonly unsafe struct Simd128(Vector128<float> value) : ISimd<Simd128>
{
    private readonly Vector128<float> _value = value;

    public static int Count => 4;

    public static bool HasManyRegisters => false;

    public static Simd128 Zero => new(Vector128<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 All(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 Load(float* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => _value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 operator +(Simd128 a, Simd128 b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 operator -(Simd128 a, Simd128 b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 operator *(Simd128 a, Simd128 b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 MultiplyAdd(Simd128 a, Simd128 b, Simd128 c) =>
        new(Vector128.MultiplyAddEstimate(a._value, b._value, c._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 MultiplyAdd(Simd128 a, float* b, Simd128 c) =>
        new(Vector128.MultiplyAddEstimate(a._value, Vector128.Create(*b), c._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 Relu(Simd128 a) =>
        new(Vector128.ConditionalSelect(Vector128.LessThan(a._value, Vector128<float>.Zero), Vector128<float>.Zero, a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 WherePositive(Simd128 a, Simd128 b) =>
        new(Vector128.ConditionalSelect(Vector128.GreaterThan(a._value, Vector128<float>.Zero), b._value, Vector128<float>.Zero));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd128 WhereLarger(Simd128 a, Simd128 b, Simd128 then, Simd128 otherwise)
    {
        // A comparison with NaN is false.
        var larger = Vector128.AndNot(Vector128.Equals(b._value, b._value), Vector128.LessThanOrEqual(a._value, b._value));
        return new(Vector128.ConditionalSelect(larger, then._value, otherwise._value));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Simd128 a) => Vector128.Sum(a._value);
}

/// <summary>A register of one value, for processors whose vector units .NET does not use.</summary>
internal readonly unsafe struct SimdScalar(float value) : ISimd<SimdScalar>
{
    private readonly float _value = value;

    public static int Count => 1;

    public static bool HasManyRegisters => false;

    public static SimdScalar Zero => new(0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar All(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Load(float* source) => new(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* destination) => *destination = _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator +(SimdScalar a, SimdScalar b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator -(SimdScalar a, SimdScalar b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator *(SimdScalar a, SimdScalar b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar MultiplyAdd(SimdScalar a, SimdScalar b, SimdScalar c) => new(a._value * b._value + c._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar MultiplyAdd(SimdScalar a, float* b, SimdScalar c) => new(a._value * *b + c._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Relu(SimdScalar a) => a._value < 0 ? Zero : a;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar WherePositive(SimdScalar a, SimdScalar b) => a._value > 0 ? b : Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar WhereLarger(SimdScalar a, SimdScalar b, SimdScalar then, SimdScalar otherwise) =>
        a._value > b._value || (float.IsNaN(a._value) && !float.IsNaN(b._value)) ? then : otherwise;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(SimdScalar a) => a._value;
}
