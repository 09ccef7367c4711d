using MiniDL.Memory;

namespace MiniDL;

/// <summary>
/// The memory of one training step. Tensors made on this thread between <see cref="Step"/> and <see cref="Dispose"/> return their
/// storage to a pool at the end, so the next step runs in the same, warm memory. Parameters, gradients of leaves,
/// optimizer state and buffers belong to their owners and survive; anything else survives only after <see cref="Tensor.Keep"/>.
/// Using a recycled tensor throws. Scopes are optional: without one the garbage collector does the work.
/// </summary>
/// <example><code>
/// foreach (var batch in loader.Epoch(0))
/// {
///     using var step = Scope.Step();
///     Loss.CrossEntropy(model.Forward(batch.Images), batch.Labels).Backward();
/// }
/// </code></example>
public sealed class Scope : IDisposable
{
    [ThreadStatic]
    private static Scope? _current;

    /// <summary>The last scope of this thread, kept so that its list can be reused.</summary>
    [ThreadStatic]
    private static Scope? _spare;

    private readonly List<(Storage Storage, int Lease)> _leases = [];
    private Scope? _outer;

    private Scope()
    {
    }

    /// <summary>Opens a scope on this thread; scopes may nest.</summary>
    public static Scope Step()
    {
        var scope = _spare ?? new Scope();
        _spare = null;
        scope._outer = _current;
        return _current = scope;
    }

    /// <summary>Leaves all scopes of this thread for a while: for tensors that outlive the step, such as a parameter's gradient.</summary>
    internal static Suspension Suspend() => new();

    internal static void Register(Storage storage) => _current?._leases.Add((storage, storage.Lease));

    /// <summary>Whether tensors made now on this thread will be recycled.</summary>
    internal static bool Active => _current is not null;

    /// <summary>Recycles everything that was made in this scope and not kept.</summary>
    public void Dispose()
    {
        if (!IsOpen()) return;
        while (_current != this) _current!.Dispose();
        _current = _outer;
        foreach (var (storage, lease) in _leases)
            if (storage.Lease == lease && !storage.Kept) storage.Device.Backend.Pool.Return(storage);
        _leases.Clear();
        _outer = null;
        _spare = this;
    }

    /// <summary>Whether this scope is open on this thread, possibly with inner scopes that were not disposed of.</summary>
    private bool IsOpen()
    {
        for (var scope = _current; scope is not null; scope = scope._outer)
            if (scope == this) return true;
        return false;
    }

    internal readonly ref struct Suspension
    {
        private readonly Scope? _suspended;

        public Suspension()
        {
            _suspended = _current;
            _current = null;
        }

        public void Dispose() => _current = _suspended;
    }
}
