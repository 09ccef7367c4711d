using MiniDL.Diagnostics;

namespace MiniDL;

public sealed partial class Tensor
{
    private LeafState? _state;

    /// <summary>The operator that made this tensor, if gradients flow back through it; null for leaves.</summary>
    public Operator? Producer { get; internal set; }

    /// <summary>Whether it is a gradient or computed from one. A graph that contains it would lack second derivatives.</summary>
    internal bool FromGradient { get; set; }

    /// <summary>
    /// The gradient that backward passes have accumulated in this leaf since the last <see cref="ZeroGrad"/>; null if there is none.
    /// The next gradient reuses its memory, so Clone() what you want to keep. Results of operators keep a gradient only after
    /// <see cref="RetainGrad"/>.
    /// </summary>
    /// <exception cref="MiniDLException">This is the result of an operator, and its gradient is not kept.</exception>
    public Tensor? Grad
    {
        get
        {
            if (Producer is not null && _state is not { Retains: true })
                throw new MiniDLException($"[autograd] {Description} is the result of an operator, and gradients of results are not kept. "
                    + "Call RetainGrad() on it before Backward(), or use Autograd.Grad or OnGradient.");
            return KnownGradient;
        }
    }

    /// <summary>Makes this tensor, the result of an operator, keep its gradient in <see cref="Grad"/> as leaves do.</summary>
    /// <returns>This tensor.</returns>
    /// <exception cref="MiniDLException">It does not require a gradient, or its graph was freed.</exception>
    /// <example><code>var h = x.Relu().RetainGrad();</code></example>
    public Tensor RetainGrad()
    {
        if (!RequiresGrad || Producer is Operator.FreedOperator)
            throw new MiniDLException($"[autograd] {Description} receives no gradient, so there is none to retain: "
                + $"{(RequiresGrad ? "its graph was freed by a backward pass" : "it does not depend on a tensor with RequiresGrad")}. "
                + "Call RetainGrad() between forward and backward.");
        State.Retains = true;
        return this;
    }

    /// <summary>The name that the parameter of this value has in its module; null for other tensors.</summary>
    internal string? ParameterName
    {
        get => _state?.Name;
        set => State.Name = value;
    }

    /// <summary>Discards the gradient; its memory is reused for the next one.</summary>
    /// <exception cref="MiniDLException">A backward pass on another thread is adding to it.</exception>
    public void ZeroGrad()
    {
        if (_state is null) return;
        if (_state.Claim is not 0 and var pass && pass != Claim.Current)
            throw new MiniDLException(Check.Line("zero_grad", $"a backward pass that is running adds to the gradient of {Description}. "
                + "Let it end first, or give each thread a model of its own."));
        _state.HasGradient = false;
    }

    /// <summary>The gradient accumulated in this very tensor, if any.</summary>
    internal Tensor? KnownGradient => _state is { HasGradient: true } state ? state.Gradient : null;

    internal bool RetainsGradient => _state is { Retains: true };

    /// <summary>Claims this leaf's gradient for one backward pass or optimizer step; false if another, unfinished one has claimed it.</summary>
    internal bool TryClaim(int pass) => Interlocked.CompareExchange(ref State.Claim, pass, 0) == 0;

    internal bool IsClaimedBy(int pass) => Volatile.Read(ref State.Claim) == pass;

    internal void EndClaim() => Volatile.Write(ref State.Claim, 0);

    /// <summary>Removes everything that a backward pass left here, even if the pass did not get as far as this tensor.</summary>
    internal void EndPass()
    {
        PendingGradient = null;
        EndClaim();
    }

    /// <summary>
    /// Computes the gradients of this tensor with respect to every leaf it depends on and adds them into <see cref="Grad"/>.
    /// </summary>
    /// <param name="cotangent">The gradient of the loss with respect to this tensor; 1 by default, for a tensor with one value.</param>
    /// <param name="retainGraph">Keep the graph for another pass instead of freeing it.</param>
    /// <exception cref="MiniDLException">There is nothing to differentiate, the graph was freed, or a cotangent is needed.</exception>
    public void Backward(Tensor? cotangent = null, bool retainGraph = false) => Autograd.Backward(this, cotangent, retainGraph);

    /// <summary>
    /// Writes the graph that leads to this tensor, a line for each operator in the order in which they ran: its result's shape, its operands
    /// (other lines by their numbers, leaves by their names), what it saved for backward, and the module it ran in.
    /// </summary>
    /// <param name="writer">Where to; the console by default.</param>
    /// <exception cref="MiniDLException">It has no graph, or that was freed.</exception>
    public void PrintGraph(TextWriter? writer = null) => (writer ?? Console.Out).Write(GraphListing.Of(this));

    /// <summary>
    /// Calls the hook in every backward pass with this tensor's complete gradient, before that flows on. If the hook returns a tensor, it
    /// replaces the gradient.
    /// </summary>
    /// <returns>Dispose it to remove the hook.</returns>
    public IDisposable OnGradient(Func<Tensor, Tensor?> hook)
    {
        var hooks = State.Hooks ??= [];
        hooks.Add(hook);
        return new HookRemoval(hooks, hook);
    }

    internal bool HasHooks => _state?.Hooks is { Count: > 0 };

    /// <summary>Takes over the hooks of the tensor that this one replaces.</summary>
    internal void ShareHooks(Tensor replaced)
    {
        if (replaced._state?.Hooks is { } hooks) State.Hooks = hooks;
    }

    /// <summary>Whether the first gradient may be written directly into the leaf's own buffer.</summary>
    internal bool TakesGradientDirectly => Producer is null && KnownGradient is null && !HasHooks && PendingGradient is null;

    /// <summary>The sum of the gradients that have arrived at this leaf in the running pass.</summary>
    internal Tensor? PendingGradient
    {
        get => _state?.Pending;
        set
        {
            if (value is not null || _state is not null) State.Pending = value;
        }
    }

    /// <summary>Created once, even if several threads ask for it at the same time.</summary>
    private LeafState State => _state ?? Interlocked.CompareExchange(ref _state, new LeafState(), null) ?? _state;

    internal Tensor RunHooks(Tensor gradient)
    {
        foreach (var hook in State.Hooks!.ToArray())
        {
            // The hook may keep the gradient that it sees or returns, so the engine must not reuse the storage.
            gradient.Storage.Gradient.BornIn = 0;
            gradient.FromGradient = true;
            var replacement = hook(gradient);
            if (replacement is null) continue;
            replacement.Storage.Gradient.BornIn = 0;
            Check.That(replacement.Shape == Shape, "hook",
                $"the gradient {replacement.Shape} that a hook returned should have the shape {Shape} of its tensor.");
            gradient = replacement.To(DType);
        }
        return gradient;
    }

    /// <summary>The memory of this leaf's gradient: it belongs to the leaf and outlives every step scope.</summary>
    internal Tensor GradientBuffer()
    {
        if (State.Gradient is { } existing) return existing;
        using var suspension = Scope.Suspend();
        var gradient = NewLike(this).Keep();
        (gradient.Origin, gradient.FromGradient) = ("backward", true);
        return State.Gradient = gradient;
    }

    /// <summary>Moves the gradient into a window of a flat buffer.</summary>
    internal void PlaceGradient(Tensor window)
    {
        if (KnownGradient is { } gradient) Device.Backend.Copy(gradient, window);
        (window.Origin, window.FromGradient) = ("backward", true);
        State.Gradient = window;
    }

    /// <summary>Discards the gradient and its memory, for a tensor that has moved to another device.</summary>
    internal void DropGradient()
    {
        if (_state is not null) (_state.Gradient, _state.HasGradient) = (null, false);
    }

    /// <summary>Adds a complete gradient into <see cref="Grad"/>.</summary>
    internal void AccumulateGradient(Tensor gradient)
    {
        var buffer = GradientBuffer();
        if (KnownGradient is not null) Device.Backend.AddInto(buffer, gradient);
        else if (!ReferenceEquals(gradient, buffer)) Device.Backend.Copy(gradient, buffer);
        State.HasGradient = true;
    }

    /// <summary>
    /// State that only leaves, tensors with hooks and tensors that retain their gradient need; the many others, which a step makes and
    /// drops, do without it.
    /// </summary>
    private sealed class LeafState
    {
        /// <summary>The memory of the gradient, which stays when the gradient is discarded.</summary>
        public Tensor? Gradient { get; set; }

        public bool HasGradient { get; set; }

        /// <summary>Whether this result of an operator keeps its gradient.</summary>
        public bool Retains { get; set; }

        /// <summary>The backward pass or optimizer step that has claimed the gradient; 0 for none.</summary>
        public int Claim;

        public List<Func<Tensor, Tensor?>>? Hooks { get; set; }

        public Tensor? Pending { get; set; }

        public string? Name { get; set; }
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
