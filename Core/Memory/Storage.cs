namespace MiniDL.Memory;

/// <summary>
/// A block of memory on one device; each tensor is a window into one, at an offset. Storage is leased from a pool: a tensor remembers
/// the number of its lease, and the number changes when the storage returns to the pool.
/// </summary>
internal abstract class Storage(DType dtype, int capacity)
{
    /// <summary>The count of in-place changes: see <see cref="InPlaceChange"/>, and spans that were handed out.</summary>
    public ChangeCount Changes;

    /// <summary>A backward pass's notes: see <see cref="GradientSums"/>.</summary>
    public GradientUse Gradient;

    /// <summary>The notes of the pool to which it returns: see <see cref="StoragePool"/>.</summary>
    public PoolPlace Place;

    public DType DType { get; } = dtype;

    /// <summary>How many values fit; at least as many as requested.</summary>
    public int Capacity { get; } = capacity;

    public abstract Device Device { get; }

    /// <summary>Counts the leases: a tensor with an older number refers to memory that is no longer its own.</summary>
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
/// Storage in a pinned managed array whose first value is on a 64-byte boundary: a live span keeps the array alive, so it can
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
            // The array is pinned, so the address of its first value, and therefore the padding before it, never changes.
            fixed (T* first = _values)
            {
                int skip = (int)((Alignment - (nuint)first % Alignment) % Alignment) / sizeof(T);
                return _values.AsSpan(skip, Capacity);
            }
        }
    }
}
