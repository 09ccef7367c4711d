namespace MiniDL;

/// <summary>The type of a tensor's values.</summary>
/// <example><code>var zeros = Tensor.Zeros([4], type: DType.I64);</code></example>
public enum DType
{
    /// <summary>32-bit float: the type in which the CPU and CUDA devices compute.</summary>
    F32,

    /// <summary>64-bit float: the type in which the Reference device computes.</summary>
    F64,

    /// <summary>64-bit signed integer: labels, permutations, counters.</summary>
    I64,

    /// <summary>8-bit unsigned integer: images as they are stored.</summary>
    U8,

    /// <summary>
    /// 16-bit float with float's exponent and 7 bits of mantissa: the type in which a GPU stores images with <see cref="Precision.Bf16"/>. It is
    /// a storage type only; arithmetic is in float.
    /// </summary>
    BF16,
}

/// <summary>The order of a tensor's values in its storage.</summary>
/// <example><code>var y = images.ToLayout(Layout.ChannelsLast);</code></example>
public enum Layout
{
    /// <summary>The last dimension is contiguous.</summary>
    RowMajor,

    /// <summary>
    /// For rank 3 to 5: stored as N, …spatial, C with the channels contiguous, while the logical shape remains (N, C, …spatial).
    /// Convolution, pooling and normalization take and return it.
    /// </summary>
    ChannelsLast,
}

internal static class DTypes
{
    public static bool IsFloat(this DType type) => type is DType.F32 or DType.F64 or DType.BF16;

    public static int Bytes(this DType type) => type switch { DType.F32 => 4, DType.BF16 => 2, DType.U8 => 1, _ => 8 };

    public static DType Of<T>() where T : unmanaged => TryOf<T>()
        ?? throw new MiniDLException(Check.Line("tensor",
            $"tensors hold float, double, long or byte, not {typeof(T).Name}. Read or write one of these."));

    public static DType? TryOf<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? DType.F32
        : typeof(T) == typeof(double) ? DType.F64
        : typeof(T) == typeof(long) ? DType.I64
        : typeof(T) == typeof(byte) ? DType.U8
        : null;

    /// <summary>Whether the type can hold a number, apart from rounding.</summary>
    public static bool Holds(this DType type, double value) => type switch
    {
        DType.F64 => true,
        DType.F32 or DType.BF16 => float.IsFinite((float)value) || !double.IsFinite(value),
        DType.I64 => double.IsInteger(value) && Math.Abs(value) < 9.2e18,
        _ => double.IsInteger(value) && value is >= 0 and <= 255,
    };
}
