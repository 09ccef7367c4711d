using MiniDL.Backends;
using MiniDL.Diagnostics;

namespace MiniDL;

/// <summary>
/// A differentiable operator and, once it has run, a node of the autograd graph: its inputs are the edges. Derive from it, take
/// the inputs in the primary constructor, write <see cref="Forward"/> and <see cref="Backward"/> side by side, and call
/// <see cref="Run"/>. What is captured in the constructor or kept in a field is what backward has saved.
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
    private int _versions;

    /// <summary>The name in errors and in the graph.</summary>
    public string Name { get; } = name;

    /// <summary>The operands; empty once a backward pass has freed the graph.</summary>
    public ReadOnlySpan<Tensor?> Inputs => _inputs;

    /// <summary>Operators that ran later have larger numbers: descending order is a topological order of the graph.</summary>
    internal long Order { get; private set; }

    /// <summary>The last backward pass that has seen this node.</summary>
    internal int Walk { get; set; }

    /// <summary>Whether one of the tensors that the last pass was after lies behind this node.</summary>
    internal bool LeadsToTarget { get; private set; }

    /// <summary>The sum of the gradients that have arrived for the result so far.</summary>
    internal Tensor? PendingGradient { get; set; }

    /// <summary>The result, for its hooks.</summary>
    internal Tensor? Result { get; private set; }

    /// <summary>The device of the operands.</summary>
    protected Device Device => (_inputs[0] ?? _inputs[1])!.Device;

    /// <summary>The primitives of that device.</summary>
    protected Backend Backend => Device.Backend;

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
    public Tensor Run()
    {
        if (Order != 0) throw new InvalidOperationException($"This {Name} has run already; make a new operator for each result.");
        bool wanted = false;
        foreach (var input in _inputs)
            if (input is not null)
            {
                Check.SameDevice(Name, input, (_inputs[0] ?? _inputs[1])!);
                wanted |= input.RequiresGrad;
            }
        Tensor y;
        using (var region = Profiler.Time(Name, "forward", Operations))
        using (new NoGrad())
        {
            y = Forward();
            region.Moved(_inputs);
            region.Moved(y);
        }
        foreach (var input in _inputs)
            if (ReferenceEquals(input, y)) y = y.Detach();
        y.Origin = Name;
        Order = Interlocked.Increment(ref _runs);
        if (wanted && !NoGrad.Active)
        {
            _versions = Versions();
            Result = y;
            y.Producer = this;
        }
        return y;
    }

    /// <summary>A tensor for a result, its values unset.</summary>
    private protected Tensor New(Shape shape, Layout layout = Layout.RowMajor) => Tensor.New(shape, Device, Device.FloatType, layout);

    /// <summary>Works out <see cref="LeadsToTarget"/>, which must be known for the operators behind this one.</summary>
    internal void MarkIfLeadsTo(Dictionary<Tensor, Tensor?> targets)
    {
        LeadsToTarget = false;
        foreach (var input in _inputs) LeadsToTarget |= input is not null && Gradients.Lead(input, targets);
    }

    /// <summary>Grows with every change in place of an operand.</summary>
    private int Versions()
    {
        int sum = 0;
        foreach (var input in _inputs) sum += input?.Storage.Version ?? 0;
        return sum;
    }

    internal void RunBackward(Tensor dy, Gradients d)
    {
        if (Versions() != _versions)
            throw new MiniDLException(Check.Line("backward", $"an operand of {Name} {Result!.Shape} was changed in place after its forward pass, "
                + "so its gradient would be wrong. Run backward before the optimizer's step, or forward again after it."));
        using var region = Profiler.Time(Name, "backward");
        region.Moved(_inputs);
        region.Moved(dy);
        Backward(dy, d);
        region.Moved(d.Set);
    }

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
