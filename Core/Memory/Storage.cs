namespace MiniDL.Memory;

/// <summary>
/// A block of memory on one device that tensors look into, each at its own offset. Storage is leased from a pool: whoever holds a
/// lease remembers its number, and a storage that went back to the pool has another one.
/// </summary>
internal abstract class Storage(DType dtype, int capacity)
{
    private int _version;

    public DType DType { get; } = dtype;

    /// <summary>How many values fit; at least as many as were asked for.</summary>
    public int Capacity { get; } = capacity;

    public abstract Device Device { get; }

    /// <summary>Counts the leases: a tensor whose number is older looks at memory that is no longer its own.</summary>
    public int Lease { get; private set; }

    /// <summary>
    /// Grows by two with every change in place, as by an optimizer, and is odd while one is under way: an operator that saved this
    /// storage at another version can no longer run backward, and one that sees the version move while it reads was not alone.
    /// </summary>
    public int Version => Volatile.Read(ref _version);

    /// <summary>The thread that changed it last.</summary>
    public int LastWriter { get; private set; }

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

    /// <summary>Begins a change in place; false where one is under way on another thread.</summary>
    public bool TryBeginChange()
    {
        int version = Version;
        if ((version & 1) != 0 || Interlocked.CompareExchange(ref _version, version + 1, version) != version) return false;
        LastWriter = Environment.CurrentManagedThreadId;
        return true;
    }

    public void EndChange() => Interlocked.Increment(ref _version);

    /// <summary>Counts a change whose end is not known, such as one through a span that was handed out.</summary>
    public void CountChange()
    {
        LastWriter = Environment.CurrentManagedThreadId;
        Interlocked.Add(ref _version, 2);
    }

    /// <summary>So that a graph that saved a tensor elsewhere does not take this place, where it lies now, for unchanged.</summary>
    public void RaiseVersion(int above)
    {
        while (Version <= above) CountChange();
    }

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
