using MiniDL.Memory;

namespace MiniDL.Backends.Cuda;

/// <summary>Storage on the GPU. Forgotten, its block goes back to <see cref="CudaMemory"/>, at the next collection.</summary>
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
        // Without an address the constructor has thrown.
        if (Address == 0) return;
        GC.RemoveMemoryPressure(_bytes);
        _memory.Forget(Address, _bytes, _readers);
    }

    public override Device Device { get; }

    /// <summary>The stream that it was taken on.</summary>
    public CudaStream Stream => _memory.Stream;

    /// <summary>Another stream has been given work that reads it: forgotten, it waits for that.</summary>
    public void ReadBy(CudaStream stream)
    {
        lock (_memory)
        {
            _readers ??= [];
            if (!_readers.Contains(stream)) _readers.Add(stream);
        }
    }

    /// <summary>Where the first value lies in the GPU's memory.</summary>
    public ulong Address { get; }

    /// <summary>
    /// What all integers that the host put into this lease lie between; null where it does not know: labels can be checked by it
    /// without waiting for the GPU.
    /// </summary>
    public (long Min, long Max)? Range
    {
        get => _range is { } range && range.Lease == Lease ? (range.Min, range.Max) : null;
        set => _range = value is { } range ? (Lease, range.Min, range.Max) : null;
    }
}
