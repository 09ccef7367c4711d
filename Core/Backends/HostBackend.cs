using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using MiniDL.Memory;

namespace MiniDL.Backends;

/// <summary>What the backends share whose storage is this process's own memory: moving values.</summary>
public abstract class HostBackend : Backend
{
    private protected HostBackend(Device device) : base(device)
    {
    }

    private protected override Storage Create(DType type, int capacity) => type switch
    {
        DType.F32 => new HostStorage<float>(Device, capacity),
        DType.F64 => new HostStorage<double>(Device, capacity),
        DType.I64 => new HostStorage<long>(Device, capacity),
        _ => new HostStorage<byte>(Device, capacity),
    };

    internal override void Upload<T>(ReadOnlySpan<T> values, Tensor y)
    {
        switch (y.DType)
        {
            case DType.F32: Convert(values, y.Values<float>()); break;
            case DType.F64: Convert(values, y.Values<double>()); break;
            case DType.I64: Convert(values, y.Values<long>()); break;
            default: Convert(values, y.Values<byte>()); break;
        }
    }

    internal override void Download<T>(Tensor x, Span<T> values)
    {
        switch (x.DType)
        {
            case DType.F32: Convert<float, T>(x.Values<float>(), values); break;
            case DType.F64: Convert<double, T>(x.Values<double>(), values); break;
            case DType.I64: Convert<long, T>(x.Values<long>(), values); break;
            default: Convert<byte, T>(x.Values<byte>(), values); break;
        }
    }

    internal override void Fill(Tensor y, double value)
    {
        switch (y.DType)
        {
            case DType.F32: y.Values<float>().Fill((float)value); break;
            case DType.F64: y.Values<double>().Fill(value); break;
            case DType.I64: y.Values<long>().Fill((long)value); break;
            default: y.Values<byte>().Fill((byte)value); break;
        }
    }

    internal override void CheckLabels(Tensor labels, int classes)
    {
        foreach (long label in labels.Values<long>())
            Check.That(label >= 0 && label < classes, "cross_entropy",
                $"label {label} is not one of the {classes} classes 0 to {classes - 1}. Check the dataset, or give the model more outputs.");
    }

    private static void Convert<TFrom, TTo>(ReadOnlySpan<TFrom> from, Span<TTo> to)
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
