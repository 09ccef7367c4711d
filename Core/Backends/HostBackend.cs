using MiniDL.Memory;

namespace MiniDL.Backends;

/// <summary>What backends with storage in this process's memory share: copying values.</summary>
/// <example><code>Console.WriteLine(Device.Cpu.Backend is HostBackend);      // True: its memory is the process's</code></example>
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
        DType.BF16 => throw new MiniDLException($"[{Device}] bf16 tensors are for GPUs; {Device} computes in {FloatType}. Convert with ToFloat()."),
        _ => new HostStorage<byte>(Device, capacity),
    };

    internal override void Upload<T>(ReadOnlySpan<T> values, Tensor y)
    {
        switch (y.DType)
        {
            case DType.F32: HostValues.Convert(values, y.Raw<float>()); break;
            case DType.F64: HostValues.Convert(values, y.Raw<double>()); break;
            case DType.I64: HostValues.Convert(values, y.Raw<long>()); break;
            default: HostValues.Convert(values, y.Raw<byte>()); break;
        }
    }

    internal override void Download<T>(Tensor x, Span<T> values)
    {
        switch (x.DType)
        {
            case DType.F32: HostValues.Convert<float, T>(x.Raw<float>(), values); break;
            case DType.F64: HostValues.Convert<double, T>(x.Raw<double>(), values); break;
            case DType.I64: HostValues.Convert<long, T>(x.Raw<long>(), values); break;
            default: HostValues.Convert<byte, T>(x.Raw<byte>(), values); break;
        }
    }

    internal override void Fill(Tensor y, double value)
    {
        switch (y.DType)
        {
            case DType.F32: y.Raw<float>().Fill((float)value); break;
            case DType.F64: y.Raw<double>().Fill(value); break;
            case DType.I64: y.Raw<long>().Fill((long)value); break;
            default: y.Raw<byte>().Fill((byte)value); break;
        }
    }

    internal override void CheckLabels(Tensor labels, int classes)
    {
        foreach (long label in labels.Raw<long>()) CheckLabel(label, classes);
    }
}
