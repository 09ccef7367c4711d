using MiniDL.Backends;
using MiniDL.Diagnostics;

namespace MiniDL;

/// <summary>
/// A differentiable operator and, once it has run, a node of the autograd graph: its inputs are the edges. Derive from it, take
/// the inputs in the primary constructor, write <see cref="Forward"/> and <see cref="Backward"/> side by side, and call
/// <see cref="Run"/>. Whatever the constructor captures or a field keeps is saved for backward;
/// <see cref="BackwardReads"/> says which of it backward reads.
/// </summary>
/// <param name="name">The name in errors and in the graph, as PyTorch spells it.</param>
/// <param name="inputs">The operands, numbered as in <see cref="Gradients"/>; null for an absent one.</param>
/// <example><code>
/// sealed class Cube(Tensor x) : Operator("cube", x)
/// {
///     protected override Tensor Forward() => x * x * x;
///     protected override void Backward(Tensor dy, Gradients d) => d[0] = dy * x * x * 3;
/// }
/// var y = new Cube(x).Run();
/// </code></example>
public abstract class Operator(string name, params Tensor?[] inputs)
{
    private static long _runs;

    private Tensor?[] _inputs = inputs;
    private Saved _saved;
    private uint _wanted;
    private int _operandVersions, _resultVersion, _claim;

    /// <summary>The name in errors and in the graph.</summary>
    public string Name { get; } = name;

    /// <summary>The operands; empty once a backward pass has freed the graph.</summary>
    public ReadOnlySpan<Tensor?> Inputs => _inputs;

    /// <summary>The module whose forward pass it ran in; null outside of all.</summary>
    internal IPath? Module { get; private set; }

    /// <summary>The line of the user's program that ran it, where anomalies are looked for: empty without symbols, null where nobody looked.</summary>
    internal string? CalledAt { get; set; }

    /// <summary>Whether each value of the result is a function of the operands' values at the same place, but for broadcasting.</summary>
    internal virtual bool IsElementwise => false;

    /// <summary>Operators that ran later have larger numbers: descending order is a topological order of the graph.</summary>
    internal long Order { get; private set; }

    /// <summary>Whether this node depends on one of the targets of the last pass.</summary>
    internal bool LeadsToTarget { get; private set; }

    /// <summary>The sum of the gradients that have arrived for the result so far.</summary>
    internal Tensor? PendingGradient { get; set; }

    /// <summary>The result, whose hooks backward runs.</summary>
    internal Tensor? Result { get; private set; }

    /// <summary>The device of the operands.</summary>
    protected Device Device => (_inputs[0] ?? _inputs[1])!.Device;

    /// <summary>The primitives of that device.</summary>
    protected Backend Backend => Device.Backend;

    /// <summary>
    /// The tensors that <see cref="Backward"/> reads besides dy; queried once, at the end of forward. If one of them is changed in place
    /// before backward, backward is refused, because the gradient would be wrong. By default all operands and the result.
    /// </summary>
    protected virtual Saved BackwardReads => Saved.Inputs | Saved.Result;

    /// <summary>For a product of the first two operands: the gradient of each reads the other one.</summary>
    private protected Saved OtherFactors => (Wants(0) ? Saved.Input1 : 0) | (Wants(1) ? Saved.Input0 : 0);

    /// <summary>What backward reads beside operands and result: tensors that forward has made, with what they are called.</summary>
    internal virtual IReadOnlyList<(string Name, Tensor? Value)> SavedBeside => [];

    /// <summary>What the operands do not tell, for people: sizes, numbers, which operations are fused; empty where there is nothing to say.</summary>
    internal virtual string Details => "";

    /// <summary>Every tensor that backward will read, once forward has run and was recorded: operands by position, the result, what forward made.</summary>
    internal IReadOnlyList<(string Name, Tensor Value)> TensorsForBackward()
    {
        List<(string, Tensor)> tensors = [];
        for (int i = 0; i < _inputs.Length; i++)
            if (_inputs[i] is { } input && IsSaved(i, _saved)) tensors.Add(($"operand {i}", input));
        if (Result is not null && (_saved & Saved.Result) != 0) tensors.Add(("result", Result));
        foreach (var (name, value) in SavedBeside)
            if (value is not null) tensors.Add((name, value));
        return tensors;
    }

    /// <summary>Whether an operand required a gradient when forward ran.</summary>
    internal bool Wants(int input) => (_wanted & Bit(input)) != 0;

    /// <summary>Floating-point operations of the forward pass, for the profiler; 0 where they say nothing.</summary>
    internal virtual double Operations => 0;

    /// <summary>Computes the result. Recording is off, so other operators may be used.</summary>
    protected abstract Tensor Forward();

    /// <summary>
    /// Given <paramref name="dy"/>, the gradient of the loss with respect to the result, sets the gradients with respect to the
    /// inputs that require one. Recording is off. Once this returns, dy and the gradients that were set belong to the engine, which
    /// may recycle them.
    /// </summary>
    protected abstract void Backward(Tensor dy, Gradients d);

    /// <summary>Runs forward and, if an operand requires gradients and recording is on, adds this node to the graph of the result.</summary>
    /// <exception cref="InvalidOperationException">It has already run: a node has one result.</exception>
    /// <exception cref="MiniDLException">
    /// An operand is computed from a gradient, which has no graph, or another thread changed it during the run.
    /// </exception>
    public Tensor Run()
    {
        if (Order != 0) throw new InvalidOperationException($"This {Name} has run already; make a new operator for each result.");
        // Under NoGrad a gradient is meant as a constant, as in a hand-written descent step.
        bool fromGradient = CheckOperands() && !NoGrad.Active;
        bool recorded = _wanted != 0 && !NoGrad.Active;
        if (recorded && fromGradient) throw SecondDerivative();
        Span<int> before = _inputs.Length <= 8 ? stackalloc int[_inputs.Length] : new int[_inputs.Length];
        for (int i = 0; i < before.Length; i++) before[i] = _inputs[i]?.Storage.Changes.Version ?? 0;
        Module = Check.Running;
        var observer = EngineObserver.Active;
        observer?.Starting(this);
        Tensor y;
        using (var region = Profiler.Time(Name, "forward", Operations, module: null, Direction.Forward))
        using (new NoGrad())
        {
            y = Forward();
            region.Moved(_inputs);
            region.Wrote(y);
        }
        CheckWriters(before);
        foreach (var input in _inputs)
            if (ReferenceEquals(input, y)) y = y.Detach();
        (y.Origin, y.FromGradient) = (Name, fromGradient);
        Order = Interlocked.Increment(ref _runs);
        if (recorded)
        {
            Result = y;
            y.Producer = this;
            _saved = BackwardReads;
            (_operandVersions, _resultVersion) = (Versions(_saved), ResultVersion());
        }
        if (observer is null) RecycleUnsaved(y);
        observer?.Ran(this, y, recorded);
        return y;
    }

    /// <summary>Records which operands require gradients.</summary>
    /// <returns>Whether one is computed from a gradient.</returns>
    private bool CheckOperands()
    {
        bool fromGradient = false;
        for (int i = 0; i < _inputs.Length; i++)
        {
            if (_inputs[i] is not { } input) continue;
            Check.SameDevice(Name, input, (_inputs[0] ?? _inputs[1])!);
            if (input.Storage.Changes.IsUnderWayElsewhere) throw ChangedMeanwhile(input);
            if (input.RequiresGrad) _wanted |= Bit(i);
            fromGradient |= input.FromGradient;
        }
        return fromGradient;
    }

    /// <summary>The operand's bit in a mask; operands after the 31st share one.</summary>
    private static uint Bit(int input) => 1u << Math.Min(input, 31);

    /// <summary>An uninitialized tensor for a result.</summary>
    private protected Tensor New(Shape shape, Layout layout = Layout.RowMajor) => Tensor.New(shape, Device, Device.FloatType, layout);

    /// <summary>Computes <see cref="LeadsToTarget"/>, which must already be known for the operators that made the inputs.</summary>
    internal void MarkIfLeadsTo(Dictionary<Tensor, Tensor?> targets)
    {
        LeadsToTarget = false;
        foreach (var input in _inputs) LeadsToTarget |= input is not null && Gradients.Lead(input, targets);
    }

    /// <summary>Returns the memory of operands that nobody but this operator gets to see, unless its backward reads them.</summary>
    private void RecycleUnsaved(Tensor y)
    {
        for (int i = 0; i < _inputs.Length; i++)
        {
            if (_inputs[i] is not { IsPrivate: true } input || IsSaved(i, _saved) || input.Storage == y.Storage) continue;
            input.IsPrivate = false;
            Backend.Pool.Return(input.Storage);
        }
    }

    /// <summary>A number that grows with every in-place change of a saved operand.</summary>
    private int Versions(Saved saved)
    {
        int sum = 0;
        for (int i = 0; i < _inputs.Length; i++)
            if (_inputs[i] is { } input && IsSaved(i, saved)) sum += input.Storage.Changes.Version;
        return sum;
    }

    private int ResultVersion() => (_saved & Saved.Result) != 0 ? Result!.Storage.Changes.Version : 0;

    /// <summary>Whether an operand is saved; operands after the 31st have no bit of their own and share the 31st's.</summary>
    private static bool IsSaved(int input, Saved saved) => ((int)saved >> Math.Min(input, 30) & 1) != 0;

    /// <summary>A writer on another thread could leave the operands half old and half new: refuses the result.</summary>
    private void CheckWriters(ReadOnlySpan<int> before)
    {
        for (int i = 0; i < before.Length; i++)
            if (_inputs[i] is { } input && input.Storage.Changes.Version != before[i] && input.Storage.Changes.LastWriter != Environment.CurrentManagedThreadId)
                throw ChangedMeanwhile(input);
    }

    private MiniDLException ChangedMeanwhile(Tensor input) => new(Check.Line(Name, $"{input.Description} was changed by another thread while it was "
        + "read. Let an optimizer's step end before a forward pass begins, or give each thread a model of its own."));

    private MiniDLException SecondDerivative() => new(Check.Line(Name,
        "one operand is computed from a gradient, another one requires gradients: gradients have no graph of their own, so that second "
        + "derivatives are not supported. Detach() the gradient to use it as a constant, or take differences of first derivatives."));

    /// <summary>Refuses a backward that would read what has been changed since forward.</summary>
    private void CheckUnchanged()
    {
        bool result = ResultVersion() != _resultVersion;
        if (result || Versions(_saved) != _operandVersions)
            throw new MiniDLException(Check.Line("backward", $"{(result ? "the result" : "an operand")} of {Name} {Result!.Shape} was changed "
                + "in place after its forward pass, and backward reads it, so that the gradient would be wrong. Run backward before the "
                + "optimizer's step or the change, or forward again after it."));
    }

    internal void RunBackward(Tensor dy, Gradients d)
    {
        CheckUnchanged();
        var observer = EngineObserver.Active;
        observer?.StartingBackward(this, dy);
        using (var region = Profiler.Time(Name, "backward", operations: 0, Module, Direction.Backward))
        {
            region.Moved(_inputs);
            region.Moved(dy);
            Backward(dy, d);
            region.Wrote(d.Set);
        }
        observer?.RanBackward(this, d.Set);
    }

    /// <summary>Claims the node for one backward pass; false if another unfinished pass has claimed it.</summary>
    internal bool TryClaim(int pass) => Interlocked.CompareExchange(ref _claim, pass, 0) == 0;

    /// <summary>Whether this pass has already claimed it.</summary>
    internal bool IsClaimedBy(int pass) => Volatile.Read(ref _claim) == pass;

    /// <summary>Removes everything that a pass left here, even if the pass did not get as far as this node.</summary>
    internal void EndPass()
    {
        PendingGradient = null;
        Volatile.Write(ref _claim, 0);
    }

    /// <summary>Whether a backward pass has cut the edges.</summary>
    internal bool IsFreed => Result is null;

    /// <summary>Cuts the edges, so that everything held only by the graph can be freed.</summary>
    internal void Free()
    {
        EngineObserver.Active?.Freed(this);
        _inputs = [];
        if (Result is not null) Result.Producer = FreedOperator.Instance;
        Result = null;
    }

    /// <summary>The placeholder for every operator whose graph a backward pass has freed.</summary>
    internal sealed class FreedOperator() : Operator("an operator whose graph was freed")
    {
        public static readonly FreedOperator Instance = new();

        protected override Tensor Forward() => throw new InvalidOperationException();

        protected override void Backward(Tensor dy, Gradients d) => throw new InvalidOperationException();
    }
}
