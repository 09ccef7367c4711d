namespace MiniDL.Memory;

/// <summary>
/// A change of a tensor's values in place: <c>using var change = new InPlaceChange("sgd", parameter);</c> around the writing. Operators that
/// read the tensor on another thread meanwhile, and a second writer, are refused rather than given half of each.
/// </summary>
internal readonly ref struct InPlaceChange
{
    private readonly Storage _storage;

    /// <exception cref="MiniDLException">Another thread is changing the tensor.</exception>
    public InPlaceChange(string operation, Tensor x)
    {
        _storage = x.Storage;
        if (!_storage.Changes.TryBegin())
            throw new MiniDLException(Check.Line(operation, $"{x.Description} is being changed by another thread. "
                + "Let one training step end before the next begins, or give each thread a model of its own."));
    }

    public void Dispose() => _storage.Changes.End();
}

/// <summary>
/// Counts the changes of a storage in place: an operator that saved it at another version can no longer run backward, and one that sees the
/// version move while it reads was not alone.
/// </summary>
internal struct ChangeCount
{
    private int _version;

    /// <summary>Grows by two with every change, as by an optimizer, and is odd while one is under way.</summary>
    public readonly int Version => Volatile.Read(in _version);

    /// <summary>The thread that changed it last.</summary>
    public int LastWriter { get; private set; }

    /// <summary>Whether another thread is changing it.</summary>
    public readonly bool IsUnderWayElsewhere => (Version & 1) != 0 && LastWriter != Environment.CurrentManagedThreadId;

    /// <summary>Begins a change; false where one is under way.</summary>
    public bool TryBegin()
    {
        int version = Version;
        if ((version & 1) != 0 || Interlocked.CompareExchange(ref _version, version + 1, version) != version) return false;
        LastWriter = Environment.CurrentManagedThreadId;
        return true;
    }

    public void End() => Interlocked.Increment(ref _version);

    /// <summary>Counts a change whose end is not known, such as one through a span that was handed out.</summary>
    public void Add()
    {
        LastWriter = Environment.CurrentManagedThreadId;
        Interlocked.Add(ref _version, 2);
    }

    /// <summary>So that a graph that saved a tensor elsewhere does not take this place, where it lies now, for unchanged.</summary>
    public void RaiseAbove(int version)
    {
        while (Version <= version) Add();
    }
}
