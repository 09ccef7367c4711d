using System.Buffers;

namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>The values in the type in which the device computes; this tensor if it already has it. Integers have no gradient.</summary>
    public Tensor ToFloat() => DType switch
    {
        DType.U8 => Converted<byte>(),
        DType.I64 => Converted<long>(),
        _ => To(Device.FloatType),
    };

    private Tensor Converted<T>() where T : unmanaged
    {
        var y = New(Shape, Device, Device.FloatType, Layout);
        T[] values = ArrayPool<T>.Shared.Rent(Count);
        Device.Backend.Download(this, values.AsSpan(0, Count));
        Device.Backend.Upload<T>(values.AsSpan(0, Count), y);
        ArrayPool<T>.Shared.Return(values);
        return y;
    }
}
