using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MiniDL;

/// <summary>Exponential and logarithm of eight doubles that are to become floats: relative errors below 10⁻¹², a float has 6·10⁻⁸.</summary>
internal static class DoubleMath
{
    private const double Ln2 = 0.69314718055994531;

    /// <summary>
    /// eˣ; beyond ±708, where floats have long ended on both sides, e^±708. x = n·ln 2 + r with |r| ≤ ln 2 / 2, eˣ = 2ⁿ·eʳ, and eʳ by its Taylor
    /// series up to r¹⁰.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Exp(Vector512<double> x)
    {
        // 1.5 · 2⁵²: what is added to it is rounded to an integer, which then stands in its lowest bits.
        const double Rounder = 6755399441055744;
        var given = x;
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
        return Vector512.ConditionalSelect(Vector512.Equals(given, given), scaled, given);
    }

    /// <summary>
    /// ln x; −∞ at 0, NaN below. x = 2ⁿ·m with m from √½ to √2, ln x = n·ln 2 + 2·artanh(s), s = (m − 1) / (m + 1), |s| &lt; 0.172, and artanh
    /// by its Taylor series up to s¹⁵.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Log(Vector512<double> x)
    {
        const long RootOfHalf = 0x3FE6A09E667F3BCD;
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
        // Where x is not a positive number the bits above mean nothing.
        result = Vector512.ConditionalSelect(Vector512.LessThan(x, All(double.PositiveInfinity)), result, x);
        result = Vector512.ConditionalSelect(Vector512.LessThan(x, All(0)), All(double.NaN), result);
        return Vector512.ConditionalSelect(Vector512.Equals(x, All(0)), All(double.NegativeInfinity), result);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> All(double value) => Vector512.Create(value);
}
