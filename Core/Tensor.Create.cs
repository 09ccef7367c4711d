namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>A tensor with a copy of these values, in logical order.</summary>
    /// <param name="values">Float, double, long or byte; floating-point values are converted to the device's type.</param>
    /// <param name="shape">The sizes; their product is the number of values.</param>
    /// <param name="device">Where to; the CPU by default.</param>
    /// <exception cref="ShapeException">The number of values is another.</exception>
    public static Tensor From<T>(ReadOnlySpan<T> values, Shape shape, Device? device = null) where T : unmanaged
    {
        device ??= Device.Cpu;
        Check.That(values.Length == shape.Count, "from", $"{values.Length} values do not fill {shape}, which has {shape.Count}.");
        DType type = DTypes.Of<T>();
        var tensor = New(shape, device, type.IsFloat() ? device.FloatType : type);
        device.Backend.Upload(values, tensor);
        return tensor;
    }

    /// <inheritdoc cref="From{T}(ReadOnlySpan{T}, Shape, Device?)"/>
    public static Tensor From<T>(T[] values, Shape shape, Device? device = null) where T : unmanaged =>
        From<T>(values.AsSpan(), shape, device);

    /// <summary>A tensor of zeros.</summary>
    public static Tensor Zeros(Shape shape, Device? device = null, DType? type = null) => Full(shape, 0, device, type);

    /// <summary>A tensor of ones.</summary>
    public static Tensor Ones(Shape shape, Device? device = null, DType? type = null) => Full(shape, 1, device, type);

    /// <summary>A tensor that holds one value everywhere.</summary>
    public static Tensor Full(Shape shape, double value, Device? device = null, DType? type = null)
    {
        device ??= Device.Cpu;
        var tensor = New(shape, device, type ?? device.FloatType);
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

    /// <summary>A tensor whose values are whatever the memory held: the caller writes every one.</summary>
    internal static Tensor New(Shape shape, Device device, DType type, Layout layout = Layout.RowMajor)
    {
        var storage = device.Backend.Pool.Rent(type, shape.Count);
        storage.BornInWalk = Autograd.CurrentWalk;
        Scope.Register(storage);
        return new Tensor(storage, 0, shape, layout);
    }

    /// <summary>A tensor with the shape, layout, type and device of another, its values unset.</summary>
    internal static Tensor NewLike(Tensor x) => New(x.Shape, x.Device, x.DType, x.Layout);

    /// <summary>A window into this tensor's storage: for flat buffers of parameters and gradients.</summary>
    internal Tensor Window(int offset, Shape shape, Layout layout = Layout.RowMajor) => new(Storage, Offset + offset, shape, layout);
}
