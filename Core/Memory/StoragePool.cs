namespace MiniDL.Memory;

/// <summary>
/// Storage that was used and can be used again, by type and size class. Without it every training step would ask the operating
/// system for fresh pages, which costs more than the arithmetic done in them.
/// </summary>
internal sealed class StoragePool(Func<DType, int, Storage> create)
{
    /// <summary>So far below 2³¹ that kernels, which take whole tiles and count with 32 bits, do not overflow after the last value.</summary>
    private const int MaxValues = int.MaxValue - ushort.MaxValue;

    private readonly Dictionary<(DType, int), Stack<Storage>> _free = [];
    private long _createdBytes;

    /// <summary>Bytes of all storage that was ever created here: constant in the steady state of a training loop.</summary>
    public long CreatedBytes => Interlocked.Read(ref _createdBytes);

    /// <exception cref="MiniDLException">There are more values than a tensor can have.</exception>
    public Storage Rent(DType type, int count)
    {
        if (count > MaxValues)
            throw new MiniDLException(Check.Line("tensor", $"{count:N0} values are more than a tensor can have, {MaxValues:N0}. "
                + "Work on parts of it, such as smaller batches."));
        int capacity = SizeClass(count);
        lock (_free)
            if (_free.TryGetValue((type, capacity), out var free) && free.TryPop(out var storage))
                return storage;
        Interlocked.Add(ref _createdBytes, (long)capacity * type.Bytes());
        var created = create(type, capacity);
        created.Place.Home = this;
        return created;
    }

    /// <summary>Puts a storage back into the pool that it is from, this one or a graph's.</summary>
    public void Return(Storage storage) => (storage.Place.Home ?? this).Take(storage);

    private void Take(Storage storage)
    {
        storage.EndLease();
        storage.Place.Home = this;
        storage.Place.WaitsForUsers = storage.Place.Users > 0;
        if (!storage.Place.WaitsForUsers) Free(storage);
    }

    /// <summary>Work beside the rest has used the storage: a pool that waited for the last user can have it.</summary>
    public static void EndUse(Storage storage)
    {
        if (--storage.Place.Users > 0 || !storage.Place.WaitsForUsers) return;
        storage.Place.WaitsForUsers = false;
        storage.Place.Home!.Free(storage);
    }

    private void Free(Storage storage)
    {
        lock (_free)
        {
            if (!_free.TryGetValue((storage.DType, storage.Capacity), out var free))
                _free[(storage.DType, storage.Capacity)] = free = new Stack<Storage>();
            free.Push(storage);
        }
    }

    /// <summary>Forgets all free storage, so that the garbage collector can have it.</summary>
    public void Trim()
    {
        lock (_free) _free.Clear();
    }

    /// <summary>Sizes are rounded up to steps of an eighth of a power of two: at most an eighth is wasted, and near sizes meet.</summary>
    private static int SizeClass(int count)
    {
        if (count <= 16) return 16;
        int step = Math.Max(16, 1 << Math.Max(0, System.Numerics.BitOperations.Log2((uint)(count - 1)) - 3));
        return (int)Math.Min(((long)count + step - 1) / step * step, MaxValues);
    }
}

/// <summary>What a pool notes about a storage that is from it.</summary>
internal struct PoolPlace
{
    /// <summary>The pool it goes back to.</summary>
    public StoragePool? Home;

    /// <summary>How much work that runs beside the rest still uses it; until none does, it is not handed out anew.</summary>
    public int Users;

    /// <summary>Whether it was given back to its pool, which waits for the users.</summary>
    public bool WaitsForUsers;
}
