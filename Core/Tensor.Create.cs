using System.Globalization;
using System.Runtime.InteropServices;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>A tensor with a copy of these values, in logical order.</summary>
    /// <param name="values">
    /// Float or double, which become the device's floating-point type; long, int, uint, short, ushort or sbyte, which become
    /// <see cref="DType.I64"/>; byte, or bool as 0 and 1, which become <see cref="DType.U8"/>.
    /// </param>
    /// <param name="shape">The sizes; their product is the number of values.</param>
    /// <param name="device">The device; the CPU by default.</param>
    /// <exception cref="ShapeException">The number of values does not match the shape.</exception>
    /// <exception cref="MiniDLException">The values are of another type, or a double is too large for the device's floats.</exception>
    public static Tensor From<T>(ReadOnlySpan<T> values, Shape shape, Device? device = null) where T : unmanaged
    {
        device ??= Device.Cpu;
        Check.That(values.Length == shape.Count, "from", $"{values.Length} values do not fill {shape}, which has {shape.Count}.");
        if (Widened(values) is { } integers) return From<long>(integers, shape, device);
        if (typeof(T) == typeof(bool)) return From(MemoryMarshal.Cast<T, byte>(values), shape, device);
        if (DTypes.TryOf<T>() is not { } type)
            throw new MiniDLException(Check.Line("from", $"tensors hold float, double, long or byte, not {typeof(T).Name}; smaller integers and "
                + "bool are converted. Convert the values to one of these."));
        if (typeof(T) == typeof(double)) CheckFits(MemoryMarshal.Cast<T, double>(values), device);
        var tensor = New(shape, device, type.IsFloat() ? device.FloatType : type);
        device.Backend.Upload(values, tensor);
        return tensor;
    }

    /// <summary>Integers shorter than long, converted to long; null for values of other types.</summary>
    private static long[]? Widened<T>(ReadOnlySpan<T> values) where T : unmanaged
    {
        if (typeof(T) == typeof(int)) return Widened(MemoryMarshal.Cast<T, int>(values), static value => value);
        if (typeof(T) == typeof(uint)) return Widened(MemoryMarshal.Cast<T, uint>(values), static value => value);
        if (typeof(T) == typeof(short)) return Widened(MemoryMarshal.Cast<T, short>(values), static value => value);
        if (typeof(T) == typeof(ushort)) return Widened(MemoryMarshal.Cast<T, ushort>(values), static value => value);
        return typeof(T) == typeof(sbyte) ? Widened(MemoryMarshal.Cast<T, sbyte>(values), static value => value) : null;
    }

    private static long[] Widened<T>(ReadOnlySpan<T> values, Func<T, long> widen)
    {
        var integers = new long[values.Length];
        for (int i = 0; i < integers.Length; i++) integers[i] = widen(values[i]);
        return integers;
    }

    /// <summary>Refuses finite doubles beyond float's range, which would silently become infinite.</summary>
    /// <param name="first">The index that messages give the first value.</param>
    internal static void CheckFits(ReadOnlySpan<double> values, Device device, int first = 0)
    {
        if (device.FloatType != DType.F32) return;
        for (int i = 0; i < values.Length; i++)
            if (!float.IsFinite((float)values[i]) && double.IsFinite(values[i]))
                throw new MiniDLException(Check.Line("from", string.Create(CultureInfo.InvariantCulture,
                    $"value {first + i}, {values[i]}, is too large for float, whose maximum is {float.MaxValue:G3}. ")
                    + "Scale the values, or use Device.Reference, which has double."));
    }

    /// <inheritdoc cref="From{T}(ReadOnlySpan{T}, Shape, Device?)"/>
    public static Tensor From<T>(T[] values, Shape shape, Device? device = null) where T : unmanaged =>
        From<T>(values.AsSpan(), shape, device);

    /// <summary>A tensor of zeros.</summary>
    public static Tensor Zeros(Shape shape, Device? device = null, DType? type = null) => Full(shape, 0, device, type);

    /// <summary>A tensor of ones.</summary>
    public static Tensor Ones(Shape shape, Device? device = null, DType? type = null) => Full(shape, 1, device, type);

    /// <summary>A tensor filled with one value.</summary>
    /// <exception cref="MiniDLException">The type cannot hold the value.</exception>
    public static Tensor Full(Shape shape, double value, Device? device = null, DType? type = null)
    {
        device ??= Device.Cpu;
        var tensor = New(shape, device, type ?? device.FloatType);
        if (!tensor.DType.Holds(value))
            throw new MiniDLException(Check.Line("full", string.Create(CultureInfo.InvariantCulture, $"{tensor.DType} cannot hold {value}.")));
        device.Backend.Fill(tensor, value);
        return tensor;
    }

    /// <summary>A scalar: one value, shape <c>[]</c>.</summary>
    public static Tensor Scalar(double value, Device? device = null) => Full(Shape.Scalar, value, device);

    /// <summary>Independent normal values, <c>mean + std · z</c>, drawn from the stream.</summary>
    public static Tensor Normal(Shape shape, RandomStream random, double mean = 0, double std = 1, Device? device = null)
    {
        var values = new double[shape.Count];
        for (int i = 0; i < values.Length; i++) values[i] = mean + std * random.NextNormal();
        return From(values, shape, device);
    }

    /// <summary>Independent uniform values in [low, high), drawn from the stream.</summary>
    public static Tensor Uniform(Shape shape, RandomStream random, double low = 0, double high = 1, Device? device = null)
    {
        var values = new double[shape.Count];
        for (int i = 0; i < values.Length; i++) values[i] = low + (high - low) * random.NextDouble();
        return From(values, shape, device);
    }

    /// <summary>An uninitialized tensor: the caller writes every value.</summary>
    internal static Tensor New(Shape shape, Device device, DType type, Layout layout = Layout.RowMajor)
    {
        var storage = device.Backend.Pool.Rent(type, shape.Count);
        storage.Gradient.BornIn = Claim.Current;
        Scope.Register(storage);
        return new Tensor(storage, 0, shape, layout);
    }

    /// <summary>An uninitialized tensor with the shape, layout, type and device of another.</summary>
    internal static Tensor NewLike(Tensor x) => New(x.Shape, x.Device, x.DType, x.Layout);

    /// <summary>A window into this tensor's storage: for flat buffers of parameters and gradients.</summary>
    internal Tensor Window(int offset, Shape shape, Layout layout = Layout.RowMajor) =>
        new(Storage, Offset + offset, shape, layout) { _leaf = Leaf, WhyRecycled = WhyRecycled };
}
