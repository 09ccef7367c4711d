namespace MiniDL.Diagnostics;

/// <summary>
/// Sees operators and backward passes of a thread as they run: what recordings of the graph and the search for NaN build on. Tensors are
/// valid during the call; whoever wants values later copies them.
/// </summary>
internal abstract class EngineObserver : IDisposable
{
    [ThreadStatic]
    private static EngineObserver? _active;

    private EngineObserver? _outer;
    private bool _started;

    /// <summary>The observer of this thread; null for none, which is the default and costs one look.</summary>
    public static EngineObserver? Active => _active;

    /// <summary>Observes this thread until it is disposed. One that is on already pauses meanwhile.</summary>
    public void Start() => (_outer, _active, _started) = (_active, this, true);

    /// <summary>How convolutions that name no algorithm are computed meanwhile; null for as they are without an observer.</summary>
    public virtual ConvAlgorithm? Convolutions => null;

    /// <summary>An operator is about to run forward.</summary>
    public virtual void Starting(Operator node)
    {
    }

    /// <summary>An operator has run forward.</summary>
    /// <param name="recorded">Whether it is a node of the graph, rather than run where nothing is recorded.</param>
    public virtual void Ran(Operator node, Tensor y, bool recorded)
    {
    }

    /// <summary>A module's forward pass has ended, hooks included.</summary>
    /// <param name="y">What it gives.</param>
    public virtual void Left(IPath module, Tensor y)
    {
    }

    /// <summary>The gradient of an operator's result is complete, and its backward is about to run.</summary>
    public virtual void StartingBackward(Operator node, Tensor dy)
    {
    }

    /// <summary>An operator's backward has run.</summary>
    /// <param name="gradients">What it gives to each input; null where nothing, or where it has added to the input's sum itself.</param>
    public virtual void RanBackward(Operator node, ReadOnlySpan<Tensor?> gradients)
    {
    }

    /// <summary>A gradient has arrived at a tensor.</summary>
    /// <param name="sum">The sum of those that have arrived so far.</param>
    public virtual void Arrived(Tensor x, Tensor sum)
    {
    }

    /// <summary>The memory of a gradient is about to go back to the pool.</summary>
    public virtual void Recycled(Tensor gradient)
    {
    }

    /// <summary>An operator was cut from the graph, which holds its operands and its result no longer.</summary>
    public virtual void Freed(Operator node)
    {
    }

    /// <summary>A leaf's gradient is complete.</summary>
    public virtual void Finished(Tensor leaf, Tensor gradient)
    {
    }

    public virtual void Dispose()
    {
        _started = false;
        // One that ended while an inner one was on is passed over, rather than come back.
        while (_active is { _started: false } ended) _active = ended._outer;
    }
}
