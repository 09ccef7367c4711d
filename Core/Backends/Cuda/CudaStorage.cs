using MiniDL.Memory;

namespace MiniDL.Backends.Cuda;

/// <summary>Storage on the GPU. When it is garbage-collected, its block returns to <see cref="CudaMemory"/>.</summary>
internal sealed class CudaStorage : Storage
{
    private readonly CudaMemory _memory;
    private readonly long _bytes;
    private List<CudaStream>? _readers;
    private (int Lease, long Min, long Max)? _range;

    public CudaStorage(Device device, CudaMemory memory, DType type, int capacity) : base(type, capacity)
    {
        (Device, _memory, _bytes) = (device, memory, (long)capacity * type.Bytes());
        Address = memory.Allocate(_bytes);
        GC.AddMemoryPressure(_bytes);
    }

    ~CudaStorage()
    {
        // Without an address, the constructor has thrown.
        if (Address == 0) return;
        GC.RemoveMemoryPressure(_bytes);
        _memory.Forget(Address, _bytes, _readers);
    }

    public override Device Device { get; }

    /// <summary>The stream on which it was allocated.</summary>
    public CudaStream Stream => _memory.Stream;

    /// <summary>Notes that another stream reads this storage: before its block is reused, that stream is waited for.</summary>
    public void ReadBy(CudaStream stream)
    {
        lock (_memory)
        {
            _readers ??= [];
            if (!_readers.Contains(stream)) _readers.Add(stream);
        }
    }

    /// <summary>The GPU address of the first value.</summary>
    public ulong Address { get; }

    /// <summary>
    /// Bounds on all integers that the host wrote during this lease; null if unknown. With them labels can be checked
    /// without waiting for the GPU.
    /// </summary>
    public (long Min, long Max)? Range
    {
        get => _range is { } range && range.Lease == Lease ? (range.Min, range.Max) : null;
        set => _range = value is { } range ? (Lease, range.Min, range.Max) : null;
    }
}
