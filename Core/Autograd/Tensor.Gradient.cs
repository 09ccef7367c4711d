namespace MiniDL;

public sealed partial class Tensor
{
    private LeafState? _state;

    /// <summary>The operator that made this tensor, where gradients flow back to; null for leaves.</summary>
    public Operator? Producer { get; internal set; }

    /// <summary>
    /// The gradient that backward passes have added up in this leaf since the last <see cref="ZeroGrad"/>; null when none has.
    /// Its memory serves the next gradient too: Clone() what should stay.
    /// </summary>
    public Tensor? Grad => _state is { HasGradient: true } state ? state.Gradient : null;

    /// <summary>Forgets the gradient; its memory is kept for the next one.</summary>
    public void ZeroGrad()
    {
        if (_state is not null) _state.HasGradient = false;
    }

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
        var hooks = State.Hooks ??= [];
        hooks.Add(hook);
        return new HookRemoval(hooks, hook);
    }

    internal bool HasHooks => _state?.Hooks is { Count: > 0 };

    /// <summary>Takes over the hooks of a tensor in whose place this one is put.</summary>
    internal void ShareHooks(Tensor replaced)
    {
        if (replaced._state?.Hooks is { } hooks) State.Hooks = hooks;
    }

    /// <summary>Whether a first gradient may be written into the leaf's own buffer.</summary>
    internal bool TakesGradientDirectly => Producer is null && Grad is null && !HasHooks && PendingGradient is null;

    /// <summary>The sum of the gradients that have arrived at this leaf in the running pass.</summary>
    internal Tensor? PendingGradient
    {
        get => _state?.Pending;
        set
        {
            if (value is not null || _state is not null) State.Pending = value;
        }
    }

    private LeafState State => _state ??= new LeafState();

    internal Tensor RunHooks(Tensor gradient)
    {
        foreach (var hook in State.Hooks!.ToArray())
        {
            // The hook may keep what it sees and what it gives, so the engine must not reuse the storage.
            gradient.Storage.BornInWalk = 0;
            var replacement = hook(gradient);
            if (replacement is null) continue;
            replacement.Storage.BornInWalk = 0;
            Check.That(replacement.Shape == Shape, "hook",
                $"the gradient {replacement.Shape} that a hook returned should have the shape {Shape} of its tensor.");
            gradient = replacement.To(DType);
        }
        return gradient;
    }

    /// <summary>Where this leaf's gradient is stored: it belongs to the leaf and outlives every step scope.</summary>
    internal Tensor GradientBuffer()
    {
        if (State.Gradient is { } existing) return existing;
        using var suspension = Scope.Suspend();
        var gradient = NewLike(this).Keep();
        gradient.Origin = "backward";
        return State.Gradient = gradient;
    }

    /// <summary>Moves the gradient into a window of a flat buffer.</summary>
    internal void PlaceGradient(Tensor window)
    {
        if (Grad is { } gradient) Device.Backend.Copy(gradient, window);
        State.Gradient = window;
    }

    /// <summary>Adds a complete gradient into <see cref="Grad"/>.</summary>
    internal void AccumulateGradient(Tensor gradient)
    {
        var buffer = GradientBuffer();
        if (Grad is not null) Device.Backend.AddInto(buffer, gradient);
        else if (!ReferenceEquals(gradient, buffer)) Device.Backend.Copy(gradient, buffer);
        State.HasGradient = true;
    }

    /// <summary>What only leaves and tensors with hooks have, apart from the many others, which a step makes and drops.</summary>
    private sealed class LeafState
    {
        /// <summary>The memory of the gradient, which stays when the gradient is forgotten.</summary>
        public Tensor? Gradient { get; set; }

        public bool HasGradient { get; set; }

        public List<Func<Tensor, Tensor?>>? Hooks { get; set; }

        public Tensor? Pending { get; set; }
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
