using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MiniDL;

/// <summary>Eight floats. Exponentials and functions built from them are computed in double and rounded once.</summary>
internal readonly struct FloatLanes(Vector256<float> value) : ILanes<FloatLanes>
{
    private readonly Vector256<float> _value = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FloatLanes Load(ref readonly float values, int index) => new(Vector256.LoadUnsafe(in values, (nuint)index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(ref float values, int index) => _value.StoreUnsafe(ref values, (nuint)index);

    public static FloatLanes operator +(FloatLanes a, FloatLanes b) => new(a._value + b._value);

    public static FloatLanes operator -(FloatLanes a, FloatLanes b) => new(a._value - b._value);

    public static FloatLanes operator *(FloatLanes a, FloatLanes b) => new(a._value * b._value);

    public static FloatLanes operator /(FloatLanes a, FloatLanes b) => new(a._value / b._value);

    public static FloatLanes operator -(FloatLanes x) => new(-x._value);

    public static FloatLanes Of(double value) => new(Vector256.Create((float)value));

    public static FloatLanes Abs(FloatLanes x) => new(Vector256.Abs(x._value));

    public static FloatLanes Max(FloatLanes a, FloatLanes b) => new(Vector256.Max(a._value, b._value));

    public static FloatLanes Sqrt(FloatLanes x) => new(Vector256.Sqrt(x._value));

    public static FloatLanes Exp(FloatLanes x) => Rounded(DoubleLanes.Exp(x.Widened()));

    public static FloatLanes Log(FloatLanes x) => Rounded(DoubleLanes.Log(x.Widened()));

    public static FloatLanes Tanh(FloatLanes x) => Rounded(DoubleLanes.Tanh(x.Widened()));

    public static FloatLanes Pow(FloatLanes x, double exponent) => Rounded(DoubleLanes.Pow(x.Widened(), exponent));

    public static FloatLanes IfGreater(FloatLanes a, FloatLanes b, FloatLanes then, FloatLanes otherwise) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(a._value, b._value), then._value, otherwise._value));

    public static FloatLanes IfAtMost(FloatLanes a, FloatLanes b, FloatLanes then, FloatLanes otherwise) =>
        new(Vector256.ConditionalSelect(Vector256.LessThanOrEqual(a._value, b._value), then._value, otherwise._value));

    private DoubleLanes Widened() => DoubleLanes.Of(_value);

    private static FloatLanes Rounded(DoubleLanes x) => new(x.ToFloats());
}
