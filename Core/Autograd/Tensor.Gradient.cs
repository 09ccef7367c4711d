namespace MiniDL;

public sealed partial class Tensor
{
    private Tensor? _gradient;
    private bool _hasGradient;
    private List<Func<Tensor, Tensor?>>? _hooks;

    /// <summary>The operator that made this tensor, where gradients flow back to; null for leaves.</summary>
    public Operator? Producer { get; internal set; }

    /// <summary>
    /// The gradient that backward passes have added up in this leaf since the last <see cref="ZeroGrad"/>; null when none has.
    /// Its memory serves the next gradient too: Clone() what should stay.
    /// </summary>
    public Tensor? Grad => _hasGradient ? _gradient : null;

    /// <summary>Forgets the gradient; its memory is kept for the next one.</summary>
    public void ZeroGrad() => _hasGradient = false;

    /// <summary>
    /// Computes the gradients of this tensor with respect to every leaf it depends on and adds them into <see cref="Grad"/>.
    /// </summary>
    /// <param name="cotangent">The gradient of the loss with respect to this tensor; 1 by default, for a tensor with one value.</param>
    /// <param name="retainGraph">Keep the graph for another pass instead of freeing it.</param>
    /// <exception cref="MiniDLException">There is nothing to differentiate, the graph was freed, or a cotangent is needed.</exception>
    public void Backward(Tensor? cotangent = null, bool retainGraph = false) => Autograd.Backward(this, cotangent, retainGraph);

    /// <summary>
    /// Calls the hook with this tensor's complete gradient in every backward pass, before it flows on; what the hook returns, if
    /// not null, takes its place.
    /// </summary>
    /// <returns>Dispose it to remove the hook.</returns>
    public IDisposable OnGradient(Func<Tensor, Tensor?> hook)
    {
        (_hooks ??= []).Add(hook);
        return new HookRemoval(_hooks, hook);
    }

    internal bool HasHooks => _hooks is { Count: > 0 };

    /// <summary>Takes over the hooks of a tensor in whose place this one is put.</summary>
    internal void ShareHooks(Tensor replaced)
    {
        if (replaced._hooks is not null) _hooks = replaced._hooks;
    }

    /// <summary>Whether a first gradient may be written into the leaf's own buffer.</summary>
    internal bool TakesGradientDirectly => Producer is null && !_hasGradient && !HasHooks && PendingGradient is null;

    /// <summary>The sum of the gradients that have arrived at this leaf in the running pass.</summary>
    internal Tensor? PendingGradient { get; set; }

    internal Tensor RunHooks(Tensor gradient)
    {
        foreach (var hook in _hooks!.ToArray())
        {
            // The hook may keep what it sees and what it gives, so the engine must not reuse the storage.
            gradient.Storage.BornInWalk = 0;
            var replacement = hook(gradient);
            if (replacement is null) continue;
            replacement.Storage.BornInWalk = 0;
            Check.That(replacement.Shape == Shape, "hook",
                $"the gradient {replacement.Shape} that a hook returned should have the shape {Shape} of its tensor.");
            gradient = replacement;
        }
        return gradient;
    }

    /// <summary>Where this leaf's gradient is stored: it belongs to the leaf and outlives every step scope.</summary>
    internal Tensor GradientBuffer()
    {
        if (_gradient is not null) return _gradient;
        using var suspension = Scope.Suspend();
        _gradient = NewLike(this).Keep();
        _gradient.Origin = "backward";
        return _gradient;
    }

    /// <summary>Moves the gradient into a window of a flat buffer.</summary>
    internal void PlaceGradient(Tensor window)
    {
        if (Grad is { } gradient) Device.Backend.Copy(gradient, window);
        _gradient = window;
    }

    /// <summary>Adds a complete gradient into <see cref="Grad"/>.</summary>
    internal void AccumulateGradient(Tensor gradient)
    {
        var buffer = GradientBuffer();
        if (_hasGradient) Device.Backend.AddInto(buffer, gradient);
        else if (!ReferenceEquals(gradient, buffer)) Device.Backend.Copy(gradient, buffer);
        _hasGradient = true;
    }

    private sealed class HookRemoval(List<Func<Tensor, Tensor?>> hooks, Func<Tensor, Tensor?>? hook) : IDisposable
    {
        public void Dispose()
        {
            if (hook is not null) hooks.Remove(hook);
            hook = null;
        }
    }
}
