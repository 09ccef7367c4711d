using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MiniDL;

/// <summary>
/// Eight doubles whose results will be rounded to float. The relative errors of exponential, logarithm and functions built from them are
/// below 10⁻¹²; a float's is 6·10⁻⁸.
/// </summary>
internal readonly struct DoubleLanes(Vector512<double> value) : ILanes<DoubleLanes>
{
    private const double Ln2 = 0.69314718055994531;

    private readonly Vector512<double> _value = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes Load(ref readonly float values, int index) => Of(Vector256.LoadUnsafe(in values, (nuint)index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(ref float values, int index) => ToFloats().StoreUnsafe(ref values, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes Of(Vector256<float> floats)
    {
        var (lower, upper) = Vector256.Widen(floats);
        return new(Vector512.Create(lower, upper));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> ToFloats() => Vector256.Narrow(_value.GetLower(), _value.GetUpper());

    public double Sum() => Vector512.Sum(_value);

    public double this[int lane] => _value[lane];

    public static DoubleLanes operator +(DoubleLanes a, DoubleLanes b) => new(a._value + b._value);

    public static DoubleLanes operator -(DoubleLanes a, DoubleLanes b) => new(a._value - b._value);

    public static DoubleLanes operator *(DoubleLanes a, DoubleLanes b) => new(a._value * b._value);

    public static DoubleLanes operator /(DoubleLanes a, DoubleLanes b) => new(a._value / b._value);

    public static DoubleLanes operator -(DoubleLanes x) => new(-x._value);

    public static DoubleLanes Of(double value) => new(All(value));

    public static DoubleLanes Abs(DoubleLanes x) => new(Vector512.Abs(x._value));

    public static DoubleLanes Max(DoubleLanes a, DoubleLanes b) => new(Vector512.Max(a._value, b._value));

    public static DoubleLanes Sqrt(DoubleLanes x) => new(Vector512.Sqrt(x._value));

    public static DoubleLanes IfGreater(DoubleLanes a, DoubleLanes b, DoubleLanes then, DoubleLanes otherwise) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(a._value, b._value), then._value, otherwise._value));

    public static DoubleLanes IfAtMost(DoubleLanes a, DoubleLanes b, DoubleLanes then, DoubleLanes otherwise) =>
        new(Vector512.ConditionalSelect(Vector512.LessThanOrEqual(a._value, b._value), then._value, otherwise._value));

    /// <summary>
    /// eˣ; beyond ±708, far outside float's range on either side, e^±708. With x = n·ln 2 + r and |r| ≤ ln 2 / 2, eˣ = 2ⁿ·eʳ, where eʳ is
    /// computed by its Taylor series up to r¹⁰.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes Exp(DoubleLanes lanes)
    {
        // 1.5 · 2⁵²: adding it rounds a number to an integer, which then occupies the lowest bits.
        const double Rounder = 6755399441055744;
        var (x, given) = (lanes._value, lanes._value);
        x = Vector512.ConditionalSelect(Vector512.GreaterThan(x, All(708)), All(708), x);
        x = Vector512.ConditionalSelect(Vector512.LessThan(x, All(-708)), All(-708), x);
        var shifted = Vector512.FusedMultiplyAdd(x, All(1 / Ln2), All(Rounder));
        var r = Vector512.FusedMultiplyAdd(shifted - All(Rounder), All(-Ln2), x);
        var sum = Vector512.FusedMultiplyAdd(All(1.0 / 3628800), r, All(1.0 / 362880));
        sum = Vector512.FusedMultiplyAdd(sum, r, All(1.0 / 40320));
        sum = Vector512.FusedMultiplyAdd(sum, r, All(1.0 / 5040));
        sum = Vector512.FusedMultiplyAdd(sum, r, All(1.0 / 720));
        sum = Vector512.FusedMultiplyAdd(sum, r, All(1.0 / 120));
        sum = Vector512.FusedMultiplyAdd(sum, r, All(1.0 / 24));
        sum = Vector512.FusedMultiplyAdd(sum, r, All(1.0 / 6));
        sum = Vector512.FusedMultiplyAdd(sum, r, All(0.5));
        sum = Vector512.FusedMultiplyAdd(sum, r, All(1));
        sum = Vector512.FusedMultiplyAdd(sum, r, All(1));
        var scaled = (sum.AsInt64() + Vector512.ShiftLeft(shifted.AsInt64(), 52)).AsDouble();
        return new(Vector512.ConditionalSelect(Vector512.Equals(given, given), scaled, given));
    }

    /// <summary>
    /// ln x; −∞ at 0, NaN below. With x = 2ⁿ·m, m from √½ to √2, ln x = n·ln 2 + 2·artanh(s), s = (m − 1) / (m + 1), |s| &lt; 0.172;
    /// artanh is computed by its Taylor series up to s¹⁵.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes Log(DoubleLanes lanes)
    {
        const long RootOfHalf = 0x3FE6A09E667F3BCD;
        var x = lanes._value;
        var n = Vector512.ShiftRightArithmetic(x.AsInt64() - Vector512.Create(RootOfHalf), 52);
        var m = (x.AsInt64() - Vector512.ShiftLeft(n, 52)).AsDouble();
        var s = (m - All(1)) / (m + All(1));
        var z = s * s;
        var sum = Vector512.FusedMultiplyAdd(All(1.0 / 15), z, All(1.0 / 13));
        sum = Vector512.FusedMultiplyAdd(sum, z, All(1.0 / 11));
        sum = Vector512.FusedMultiplyAdd(sum, z, All(1.0 / 9));
        sum = Vector512.FusedMultiplyAdd(sum, z, All(1.0 / 7));
        sum = Vector512.FusedMultiplyAdd(sum, z, All(1.0 / 5));
        sum = Vector512.FusedMultiplyAdd(sum, z, All(1.0 / 3));
        var twice = s + s;
        var result = Vector512.FusedMultiplyAdd(Vector512.ConvertToDouble(n), All(Ln2), Vector512.FusedMultiplyAdd(sum * z, twice, twice));
        // If x is not a positive finite number, the computation on its bits above is meaningless.
        result = Vector512.ConditionalSelect(Vector512.LessThan(x, All(double.PositiveInfinity)), result, x);
        result = Vector512.ConditionalSelect(Vector512.LessThan(x, All(0)), All(double.NaN), result);
        return new(Vector512.ConditionalSelect(Vector512.Equals(x, All(0)), All(double.NegativeInfinity), result));
    }

    /// <summary>
    /// ±(1 − 2 / (e^(2|x|) + 1)). That loses digits near 0, so below 1/64 it is the series x − x³/3 + 2x⁵/15.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes Tanh(DoubleLanes lanes)
    {
        DoubleLanes one = Of(1), size = Abs(lanes), z = lanes * lanes;
        var near = lanes + lanes * z * (z * Of(2.0 / 15) - Of(1.0 / 3));
        var far = one - (one + one) / (Exp(size + size) + one);
        return new(Vector512.CopySign(IfGreater(Of(1.0 / 64), size, near, far)._value, lanes._value));
    }

    /// <summary>e^(p · ln |x|), with the sign of x if p is odd; NaN for finite negative x unless p is an integer or infinite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static DoubleLanes Pow(DoubleLanes x, double exponent)
    {
        DoubleLanes size = Abs(x), one = Of(1);
        var result = Exp(Log(size) * Of(exponent));
        // 1 to an infinite power: the product above would be 0 · ∞.
        result = new(Vector512.ConditionalSelect(Vector512.Equals(size._value, one._value), one._value, result._value));
        if (double.IsOddInteger(exponent)) return new(Vector512.CopySign(result._value, x._value));
        if (double.IsInteger(exponent) || double.IsInfinity(exponent)) return result;
        var hasNone = Vector512.LessThan(x._value, All(0)) & Vector512.GreaterThan(x._value, All(double.NegativeInfinity));
        return new(Vector512.ConditionalSelect(hasNone, All(double.NaN), result._value));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> All(double value) => Vector512.Create(value);
}
