using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace MiniDL.Backends;

/// <summary>Conversion, in this process's memory, between the types that tensors hold.</summary>
internal static class HostValues
{
    /// <summary>Converts values into the bytes of a storage of the given type.</summary>
    public static void Convert<T>(ReadOnlySpan<T> from, DType type, Span<byte> to) where T : unmanaged
    {
        switch (type)
        {
            case DType.F32: Convert(from, MemoryMarshal.Cast<byte, float>(to)); break;
            case DType.F64: Convert(from, MemoryMarshal.Cast<byte, double>(to)); break;
            case DType.I64: Convert(from, MemoryMarshal.Cast<byte, long>(to)); break;
            case DType.BF16: Round(from, MemoryMarshal.Cast<byte, ushort>(to)); break;
            default: Convert(from, to); break;
        }
    }

    /// <summary>Converts the bytes of a storage of the given type into values.</summary>
    public static void Convert<T>(ReadOnlySpan<byte> from, DType type, Span<T> to) where T : unmanaged
    {
        switch (type)
        {
            case DType.F32: Convert(MemoryMarshal.Cast<byte, float>(from), to); break;
            case DType.F64: Convert(MemoryMarshal.Cast<byte, double>(from), to); break;
            case DType.I64: Convert(MemoryMarshal.Cast<byte, long>(from), to); break;
            case DType.BF16: Widen(MemoryMarshal.Cast<byte, ushort>(from), to); break;
            default: Convert<byte, T>(from, to); break;
        }
    }

    /// <summary>The smallest and the largest value, as integers.</summary>
    public static (long Min, long Max) Range<T>(ReadOnlySpan<T> values) where T : unmanaged
    {
        if (values.IsEmpty) return (0, 0);
        var integers = typeof(T) == typeof(long) ? MemoryMarshal.Cast<T, long>(values) : Converted(values);
        return (TensorPrimitives.Min(integers), TensorPrimitives.Max(integers));
    }

    private static long[] Converted<T>(ReadOnlySpan<T> values) where T : unmanaged
    {
        var integers = new long[values.Length];
        Convert<T, long>(values, integers);
        return integers;
    }

    /// <summary>Floats rounded to the nearest bfloat16, ties to even; NaN stays NaN.</summary>
    private static void Round<T>(ReadOnlySpan<T> from, Span<ushort> to) where T : unmanaged
    {
        var floats = new float[from.Length];
        Convert<T, float>(from, floats);
        for (int i = 0; i < floats.Length; i++) to[i] = ToBFloat16(floats[i]);
    }

    /// <summary>The bits of the bfloat16 that is nearest to a float.</summary>
    public static ushort ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)(float.IsNaN(value) ? bits >> 16 | 0x40 : bits + 0x7FFF + (bits >> 16 & 1) >> 16);
    }

    /// <summary>Converts bfloat16, which is the upper half of a float.</summary>
    private static void Widen<T>(ReadOnlySpan<ushort> from, Span<T> to) where T : unmanaged
    {
        var floats = typeof(T) == typeof(float) ? MemoryMarshal.Cast<T, float>(to) : new float[from.Length];
        for (int i = 0; i < from.Length; i++) floats[i] = BitConverter.UInt32BitsToSingle((uint)from[i] << 16);
        if (typeof(T) != typeof(float)) Convert<float, T>(floats, to);
    }

    /// <summary>Converts every value to the other type; conversion to integers truncates.</summary>
    public static void Convert<TFrom, TTo>(ReadOnlySpan<TFrom> from, Span<TTo> to)
        where TFrom : unmanaged where TTo : unmanaged
    {
        if (typeof(TFrom) == typeof(TTo)) MemoryMarshal.Cast<TFrom, TTo>(from).CopyTo(to);
        else if (typeof(TFrom) == typeof(float)) ConvertNumbers(MemoryMarshal.Cast<TFrom, float>(from), to);
        else if (typeof(TFrom) == typeof(double)) ConvertNumbers(MemoryMarshal.Cast<TFrom, double>(from), to);
        else if (typeof(TFrom) == typeof(long)) ConvertNumbers(MemoryMarshal.Cast<TFrom, long>(from), to);
        else ConvertNumbers(MemoryMarshal.Cast<TFrom, byte>(from), to);
    }

    private static void ConvertNumbers<TFrom, TTo>(ReadOnlySpan<TFrom> from, Span<TTo> to)
        where TFrom : unmanaged, INumberBase<TFrom> where TTo : unmanaged
    {
        if (typeof(TTo) == typeof(float)) TensorPrimitives.ConvertTruncating(from, MemoryMarshal.Cast<TTo, float>(to));
        else if (typeof(TTo) == typeof(double)) TensorPrimitives.ConvertTruncating(from, MemoryMarshal.Cast<TTo, double>(to));
        else if (typeof(TTo) == typeof(long)) TensorPrimitives.ConvertTruncating(from, MemoryMarshal.Cast<TTo, long>(to));
        else TensorPrimitives.ConvertTruncating(from, MemoryMarshal.Cast<TTo, byte>(to));
    }
}
