namespace MiniDL.Memory;

/// <summary>
/// An in-place change of a tensor's values: put <c>using var change = new InPlaceChange("sgd", parameter);</c> around the writing. If an
/// operator on another thread reads the tensor in the meantime, or a second writer appears, it is refused: it would mix old and new values.
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
/// Counts the in-place changes of a storage. An operator that saved it at another version can no longer run backward, and one that sees
/// the version change while it reads knows that there was a writer.
/// </summary>
internal struct ChangeCount
{
    private int _version;

    /// <summary>Grows by two with every change, such as an optimizer's step, and is odd during one.</summary>
    public readonly int Version => Volatile.Read(in _version);

    /// <summary>The last thread that changed it.</summary>
    public int LastWriter { get; private set; }

    /// <summary>Whether another thread is changing it.</summary>
    public readonly bool IsUnderWayElsewhere => (Version & 1) != 0 && LastWriter != Environment.CurrentManagedThreadId;

    /// <summary>Begins a change; false if one is already under way.</summary>
    public bool TryBegin()
    {
        int version = Version;
        if ((version & 1) != 0 || Interlocked.CompareExchange(ref _version, version + 1, version) != version) return false;
        LastWriter = Environment.CurrentManagedThreadId;
        return true;
    }

    public void End() => Interlocked.Increment(ref _version);

    /// <summary>Counts a change whose end is unknown, such as writing through a span that was handed out.</summary>
    public void Add()
    {
        LastWriter = Environment.CurrentManagedThreadId;
        Interlocked.Add(ref _version, 2);
    }

    /// <summary>Called when a tensor moves here, so that graphs that saved it at its old place do not take it for unchanged.</summary>
    public void RaiseAbove(int version)
    {
        while (Version <= version) Add();
    }
}
