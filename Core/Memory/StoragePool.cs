using MiniDL.Diagnostics;

namespace MiniDL.Memory;

/// <summary>
/// Used storage that can be reused, by type and size class. Without it every training step would ask the operating
/// system for fresh pages, which costs more than the arithmetic done in them.
/// </summary>
internal sealed class StoragePool(Func<DType, int, Storage> create)
{
    /// <summary>Far enough below 2³¹ that kernels, which process whole tiles with 32-bit indices, do not overflow past the last value.</summary>
    private const int MaxValues = int.MaxValue - ushort.MaxValue;

    private const int LargeValues = 1 << 16, MaxTimesTooLarge = 8;

    private readonly Dictionary<(DType, int), Stack<Storage>> _free = [];
    private long _createdBytes;

    /// <summary>Bytes of all storage ever created here: constant in the steady state of a training loop.</summary>
    public long CreatedBytes => Interlocked.Read(ref _createdBytes);

    /// <exception cref="MiniDLException">That is more values than a tensor can have.</exception>
    public Storage Rent(DType type, int count)
    {
        if (count > MaxValues)
            throw new MiniDLException(Check.Line("tensor", $"{count:N0} values are more than a tensor can have, {MaxValues:N0}. "
                + "Work on parts of it, such as smaller batches."));
        int capacity = SizeClass(count);
        long bytes = (long)capacity * type.Bytes();
        Storage? storage = null;
        lock (_free) storage = TakeFree(type, capacity);
        Profiler.Taken(bytes, fresh: storage is null);
        if (storage is not null) return storage;
        Interlocked.Add(ref _createdBytes, bytes);
        var created = create(type, capacity);
        created.Place.Home = this;
        return created;
    }

    /// <summary>
    /// A free storage of this size class; if there is none and it is large, one up to <see cref="MaxTimesTooLarge"/> times as large, so that an
    /// evaluation with smaller batches uses the memory of the training between whose epochs it is.
    /// </summary>
    private Storage? TakeFree(DType type, int capacity)
    {
        if (_free.TryGetValue((type, capacity), out var same) && same.TryPop(out var storage)) return storage;
        if (capacity < LargeValues) return null;
        Stack<Storage>? best = null;
        int size = int.MaxValue;
        foreach (var ((otherType, other), free) in _free)
            if (otherType == type && free.Count > 0 && other > capacity && other < size && other / MaxTimesTooLarge <= capacity) (best, size) = (free, other);
        return best?.Pop();
    }

    /// <summary>Returns a storage to its own pool, this one or that of a graph.</summary>
    public void Return(Storage storage) => (storage.Place.Home ?? this).Take(storage);

    private void Take(Storage storage)
    {
        storage.EndLease();
        storage.Place.Home = this;
        storage.Place.WaitsForUsers = storage.Place.Users > 0;
        if (!storage.Place.WaitsForUsers) Free(storage);
    }

    /// <summary>Called when concurrent work no longer uses the storage; after the last such user, a pool waiting for it gets it.</summary>
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

    /// <summary>Drops all free storage, so that the garbage collector can reclaim it.</summary>
    public void Trim()
    {
        lock (_free) _free.Clear();
    }

    /// <summary>Rounds sizes up to steps of an eighth of a power of two (at least 16): similar sizes share a class, and little is wasted.</summary>
    private static int SizeClass(int count)
    {
        if (count <= 16) return 16;
        int step = Math.Max(16, 1 << Math.Max(0, System.Numerics.BitOperations.Log2((uint)(count - 1)) - 3));
        return (int)Math.Min(((long)count + step - 1) / step * step, MaxValues);
    }
}

/// <summary>A pool's notes about one of its storages.</summary>
internal struct PoolPlace
{
    /// <summary>The pool to which it returns.</summary>
    public StoragePool? Home;

    /// <summary>The number of concurrent pieces of work that still use it; it is not leased again until there are none.</summary>
    public int Users;

    /// <summary>Whether it has been returned to its pool, which waits for the users.</summary>
    public bool WaitsForUsers;
}
