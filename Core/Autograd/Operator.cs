using MiniDL.Backends;
using MiniDL.Diagnostics;

namespace MiniDL;

/// <summary>
/// A differentiable operator and, once it has run, a node of the autograd graph: its inputs are the edges. Derive from it, take
/// the inputs in the primary constructor, write <see cref="Forward"/> and <see cref="Backward"/> side by side, and call
/// <see cref="Run"/>. What is captured in the constructor or kept in a field is what backward has saved;
/// <see cref="BackwardReads"/> says which of it.
/// </summary>
/// <param name="name">The name in errors and in the graph, as PyTorch spells it.</param>
/// <param name="inputs">The operands, in the order in which <see cref="Gradients"/> counts them; null for one that is absent.</param>
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

    /// <summary>Operators that ran later have larger numbers: descending order is a topological order of the graph.</summary>
    internal long Order { get; private set; }

    /// <summary>Whether this node leads back to one of the targets of the last pass.</summary>
    internal bool LeadsToTarget { get; private set; }

    /// <summary>The sum of the gradients that have arrived for the result so far.</summary>
    internal Tensor? PendingGradient { get; set; }

    /// <summary>The result, for its hooks.</summary>
    internal Tensor? Result { get; private set; }

    /// <summary>The device of the operands.</summary>
    protected Device Device => (_inputs[0] ?? _inputs[1])!.Device;

    /// <summary>The primitives of that device.</summary>
    protected Backend Backend => Device.Backend;

    /// <summary>
    /// What <see cref="Backward"/> reads beside dy, asked once, at the end of forward: if one of these tensors is changed in place
    /// before backward, that is refused, since the gradient would be wrong. By default all operands and the result.
    /// </summary>
    protected virtual Saved BackwardReads => Saved.Inputs | Saved.Result;

    /// <summary>What the gradients of a product of the first two operands read: each of them for the gradient of the other.</summary>
    private protected Saved OtherFactors => (Wants(0) ? Saved.Input1 : 0) | (Wants(1) ? Saved.Input0 : 0);

    /// <summary>Whether an operand wanted a gradient when forward ran.</summary>
    internal bool Wants(int input) => (_wanted & Bit(input)) != 0;

    /// <summary>Floating-point operations of the forward pass, for the profiler; 0 where they say nothing.</summary>
    private protected virtual double Operations => 0;

    /// <summary>Computes the result. Nothing is recorded meanwhile, so other operators may be used.</summary>
    protected abstract Tensor Forward();

    /// <summary>
    /// Given <paramref name="dy"/>, the gradient of the loss with respect to the result, sets the gradients with respect to the
    /// inputs that want one. Nothing is recorded meanwhile. Once this returns, dy and what was set belong to the engine, which
    /// may recycle them.
    /// </summary>
    protected abstract void Backward(Tensor dy, Gradients d);

    /// <summary>Runs forward and, where an operand requires gradients and recording is on, remembers this node in the result.</summary>
    /// <exception cref="InvalidOperationException">It has run before: a node stands for one result.</exception>
    /// <exception cref="MiniDLException">
    /// An operand is computed from a gradient, which has no graph, or was changed by another thread meanwhile.
    /// </exception>
    public Tensor Run()
    {
        if (Order != 0) throw new InvalidOperationException($"This {Name} has run already; make a new operator for each result.");
        // Under NoGrad a gradient is meant as a constant, as by a hand-written step of descent.
        bool fromGradient = CheckOperands() && !NoGrad.Active;
        bool recorded = _wanted != 0 && !NoGrad.Active;
        if (recorded && fromGradient) throw SecondDerivative();
        Span<int> before = _inputs.Length <= 8 ? stackalloc int[_inputs.Length] : new int[_inputs.Length];
        for (int i = 0; i < before.Length; i++) before[i] = _inputs[i]?.Storage.Changes.Version ?? 0;
        Tensor y;
        using (var region = Profiler.Time(Name, "forward", Operations))
        using (new NoGrad())
        {
            y = Forward();
            region.Moved(_inputs);
            region.Moved(y);
        }
        CheckWriters(before);
        foreach (var input in _inputs)
            if (ReferenceEquals(input, y)) y = y.Detach();
        (y.Origin, y.FromGradient) = (Name, fromGradient);
        Order = Interlocked.Increment(ref _runs);
        if (!recorded) return y;
        Result = y;
        y.Producer = this;
        _saved = BackwardReads;
        (_operandVersions, _resultVersion) = (Versions(_saved), ResultVersion());
        return y;
    }

    /// <summary>Notes which operands want gradients.</summary>
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

    /// <summary>Operands after the 31st share a bit.</summary>
    private static uint Bit(int input) => 1u << Math.Min(input, 31);

    /// <summary>A tensor for a result, its values unset.</summary>
    private protected Tensor New(Shape shape, Layout layout = Layout.RowMajor) => Tensor.New(shape, Device, Device.FloatType, layout);

    /// <summary>Works out <see cref="LeadsToTarget"/>, which must be known for the operators that lead to this one.</summary>
    internal void MarkIfLeadsTo(Dictionary<Tensor, Tensor?> targets)
    {
        LeadsToTarget = false;
        foreach (var input in _inputs) LeadsToTarget |= input is not null && Gradients.Lead(input, targets);
    }

    /// <summary>Grows with every change in place of an operand that is among the saved.</summary>
    private int Versions(Saved saved)
    {
        int sum = 0;
        for (int i = 0; i < _inputs.Length; i++)
            if (_inputs[i] is { } input && IsSaved(i, saved)) sum += input.Storage.Changes.Version;
        return sum;
    }

    private int ResultVersion() => (_saved & Saved.Result) != 0 ? Result!.Storage.Changes.Version : 0;

    /// <summary>Operands after the 31st have no bit of their own: they are saved with the 31st.</summary>
    private static bool IsSaved(int input, Saved saved) => ((int)saved >> Math.Min(input, 30) & 1) != 0;

    /// <summary>A writer on another thread leaves an operand half old and half new.</summary>
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

    internal void RunBackward(Tensor dy, Gradients d)
    {
        bool result = ResultVersion() != _resultVersion;
        if (result || Versions(_saved) != _operandVersions)
            throw new MiniDLException(Check.Line("backward", $"{(result ? "the result" : "an operand")} of {Name} {Result!.Shape} was changed "
                + "in place after its forward pass, and backward reads it, so that the gradient would be wrong. Run backward before the "
                + "optimizer's step or the change, or forward again after it."));
        using var region = Profiler.Time(Name, "backward");
        region.Moved(_inputs);
        region.Moved(dy);
        Backward(dy, d);
        region.Moved(d.Set);
    }

    /// <summary>Takes the node for one backward pass; false where another one, not yet ended, has it.</summary>
    internal bool TryClaim(int pass) => Interlocked.CompareExchange(ref _claim, pass, 0) == 0;

    /// <summary>Whether this pass has it already.</summary>
    internal bool IsClaimedBy(int pass) => Volatile.Read(ref _claim) == pass;

    /// <summary>Drops what a pass left here, also one that did not come this far.</summary>
    internal void EndPass()
    {
        PendingGradient = null;
        Volatile.Write(ref _claim, 0);
    }

    /// <summary>Whether a backward pass has cut the edges.</summary>
    internal bool IsFreed => Result is null;

    /// <summary>Cuts the edges, so that everything that only the graph held can go.</summary>
    internal void Free()
    {
        _inputs = [];
        if (Result is not null) Result.Producer = FreedOperator.Instance;
        Result = null;
    }

    /// <summary>Stands for every operator whose graph a backward pass has freed.</summary>
    internal sealed class FreedOperator() : Operator("an operator whose graph was freed")
    {
        public static readonly FreedOperator Instance = new();

        protected override Tensor Forward() => throw new InvalidOperationException();

        protected override void Backward(Tensor dy, Gradients d) => throw new InvalidOperationException();
    }
}
