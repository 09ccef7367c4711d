namespace MiniDL.Memory;

/// <summary>
/// A block of memory on one device that tensors look into, each at its own offset. Storage is leased from a pool: whoever holds a
/// lease remembers its number, and a storage that went back to the pool has another one.
/// </summary>
internal abstract class Storage(DType dtype, int capacity)
{
    /// <summary>What changes in place note; <see cref="InPlaceChange"/> and spans that are handed out.</summary>
    public ChangeCount Changes;

    /// <summary>What a backward pass notes; <see cref="GradientSums"/>.</summary>
    public GradientUse Gradient;

    /// <summary>What the pool notes that it goes back to; <see cref="StoragePool"/>.</summary>
    public PoolPlace Place;

    public DType DType { get; } = dtype;

    /// <summary>How many values fit; at least as many as were asked for.</summary>
    public int Capacity { get; } = capacity;

    public abstract Device Device { get; }

    /// <summary>Counts the leases: a tensor whose number is older looks at memory that is no longer its own.</summary>
    public int Lease { get; private set; }

    /// <summary>Set by <see cref="Tensor.Keep"/>: the step scope leaves this storage alone.</summary>
    public bool Kept { get; set; }

    public void EndLease()
    {
        Lease++;
        Kept = false;
        Gradient = default;
    }
}

/// <summary>
/// Storage in a pinned managed array whose first value lies on a 64-byte boundary: a live span keeps the array alive, so it can
/// never dangle, and nothing needs disposing.
/// </summary>
internal sealed class HostStorage<T>(Device device, int capacity) : Storage(DTypes.Of<T>(), capacity) where T : unmanaged
{
    private const int Alignment = 64;

    private readonly T[] _values = GC.AllocateUninitializedArray<T>(capacity + Alignment / DTypes.Of<T>().Bytes(), pinned: true);

    public override Device Device { get; } = device;

    public unsafe Span<T> Span
    {
        get
        {
            // The array is pinned, so the address of its first value, and with it the padding in front, never changes.
            fixed (T* first = _values)
            {
                int skip = (int)((Alignment - (nuint)first % Alignment) % Alignment) / sizeof(T);
                return _values.AsSpan(skip, Capacity);
            }
        }
    }
}
