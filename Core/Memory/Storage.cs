namespace MiniDL.Memory;

/// <summary>
/// A block of memory on one device that tensors look into, each at its own offset. Storage is leased from a pool: whoever holds a
/// lease remembers its number, and a storage that went back to the pool has another one.
/// </summary>
internal abstract class Storage(DType dtype, int capacity)
{
    public DType DType { get; } = dtype;

    /// <summary>How many values fit; at least as many as were asked for.</summary>
    public int Capacity { get; } = capacity;

    public abstract Device Device { get; }

    /// <summary>Counts the leases: a tensor whose number is older looks at memory that is no longer its own.</summary>
    public int Lease { get; private set; }

    /// <summary>
    /// Counts the changes in place, as by an optimizer: an operator whose operand has another version than in forward can no
    /// longer run backward.
    /// </summary>
    public int Version { get; set; }

    /// <summary>The pool it goes back to.</summary>
    public StoragePool? Home { get; set; }

    /// <summary>Set by <see cref="Tensor.Keep"/>: the step scope leaves this storage alone.</summary>
    public bool Kept { get; set; }

    /// <summary>How many gradients on their way through a backward pass look into this storage.</summary>
    public int GradientHolds { get; set; }

    /// <summary>The backward pass that took this lease, 0 outside of one: only such storage may be reused before the pass ends.</summary>
    public int BornInWalk { get; set; }

    /// <summary>How much work that runs beside the rest still uses it; until none does, it is not handed out anew.</summary>
    public int Users { get; set; }

    /// <summary>Whether it was given back to its pool, which waits for the users.</summary>
    public bool WaitsForUsers { get; set; }

    public void EndLease()
    {
        Lease++;
        Kept = false;
        GradientHolds = 0;
        BornInWalk = 0;
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
