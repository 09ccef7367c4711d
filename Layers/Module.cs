using MiniDL.Diagnostics;

namespace MiniDL.Layers;

/// <summary>
/// A building block of a model: parameters, buffers and child modules, each registered under a name, and a forward pass. Names,
/// defaults and formulas are PyTorch's; casing is .NET's.
/// </summary>
/// <example><code>
/// sealed class Net : Module
/// {
///     private readonly Linear _hidden, _out;
///     public Net(RandomStream random)
///     {
///         _hidden = Register("hidden", new Linear(2, 16, random: random));
///         _out = Register("out", new Linear(16, 1, random: random));
///     }
///     protected override Tensor ForwardCore(Tensor x) => _out.Forward(_hidden.Forward(x).Relu());
/// }
/// </code></example>
public abstract partial class Module : IPath
{
    private readonly List<Module> _children = [];
    private readonly List<Parameter> _parameters = [];
    private readonly List<ModuleBuffer> _buffers = [];
    private List<Func<Module, Tensor, Tensor, Tensor?>>? _hooks;
    private int _trainingThread;

    /// <summary>The name under which its parent registered it; empty at the root.</summary>
    public string Name { get; private set; } = "";

    /// <summary>The module that registered this one; null at the root.</summary>
    public Module? Parent { get; private set; }

    IPath? IPath.Parent => Parent;

    /// <summary>The dotted path from the root: <c>blocks.3.conv1</c>.</summary>
    public string Path => Parent?.Path is { Length: > 0 } parent ? $"{parent}.{Name}" : Name;

    /// <summary>Whether the module is in training mode, its initial mode; see <see cref="Train"/> and <see cref="Eval"/>.</summary>
    public bool Training { get; private set; } = true;

    /// <summary>The child modules, in order of registration.</summary>
    public IReadOnlyList<Module> Children => _children;

    /// <summary>Whether the module has forward hooks.</summary>
    public bool HasHooks => _hooks is { Count: > 0 };

    /// <summary>Runs the module on an input, then its forward hooks.</summary>
    /// <exception cref="ShapeException">The input does not fit; the message names this module's path.</exception>
    public Tensor Forward(Tensor x)
    {
        using var running = new RunningModule(this);
        return AfterForward(x, ForwardCore(x));
    }

    /// <summary>The forward pass itself: derived modules implement it.</summary>
    protected abstract Tensor ForwardCore(Tensor x);

    /// <summary>Runs the forward hooks on what the module gives.</summary>
    internal Tensor AfterForward(Tensor x, Tensor y)
    {
        if (HasHooks) y = AfterHooks(x, y);
        EngineObserver.Active?.Left(this, y);
        return y;
    }

    private Tensor AfterHooks(Tensor x, Tensor y)
    {
        // A hook is the caller's code: whatever it runs, such as another model, is not part of this module's pass.
        var running = Check.Running;
        Check.Running = null;
        try
        {
            foreach (var hook in _hooks!.ToArray()) y = hook(this, x, y) ?? y;
        }
        finally
        {
            Check.Running = running;
        }
        return y;
    }

    /// <summary>
    /// Calls the hook after every forward pass with (module, input, output); if it returns a tensor, that replaces the output. A residual
    /// and an activation that are normally fused with a norm run separately if a hook needs to see what is between.
    /// </summary>
    /// <returns>Dispose it to remove the hook.</returns>
    public IDisposable OnForward(Func<Module, Tensor, Tensor, Tensor?> hook)
    {
        var hooks = _hooks ??= [];
        hooks.Add(hook);
        return new HookRemoval(() => hooks.Remove(hook));
    }

    /// <summary>
    /// Whether a forward pass in training mode changes the module itself, for example its running statistics or random stream; by
    /// default, whether it has buffers. Such passes must not overlap on two threads: the second is refused. In evaluation mode any
    /// number of threads may use a model at once, with the same results.
    /// </summary>
    protected virtual bool ChangesInTraining => _buffers.Count > 0;

    /// <summary>Puts this module and all below it into training mode: batch statistics, dropout.</summary>
    public Module Train(bool training = true)
    {
        Training = training;
        foreach (var child in _children) child.Train(training);
        return this;
    }

    /// <summary>Puts this module and all below it into evaluation mode: running statistics, no dropout.</summary>
    public Module Eval() => Train(false);

    /// <summary>Registers a child under a name and returns it.</summary>
    /// <exception cref="MiniDLException">The name is taken or contains a dot, or the child already has a parent.</exception>
    protected T Register<T>(string name, T child) where T : Module
    {
        CheckName(name);
        if (child.Parent is not null)
            throw new MiniDLException($"[module] {child.GetType().Name} is registered as {child.Path} already; a module has one parent.");
        for (Module? ancestor = this; ancestor is not null; ancestor = ancestor.Parent)
            if (ReferenceEquals(ancestor, child))
                throw new MiniDLException($"[module] {this} cannot be registered below itself, as {Join(Path, name)}.");
        (child.Name, child.Parent) = (name, this);
        _children.Add(child);
        return child;
    }

    /// <summary>Registers a parameter with its initial value.</summary>
    protected Parameter RegisterParameter(string name, Tensor value)
    {
        CheckName(name);
        var parameter = new Parameter(name, value) { IsRegistered = true };
        _parameters.Add(parameter);
        return parameter;
    }

    /// <summary>Registers a buffer with its initial value.</summary>
    /// <param name="name">The name within this module.</param>
    /// <param name="value">The initial value, which the module owns from then on.</param>
    /// <param name="optional">Whether a state dictionary may lack it; if so, it keeps its value.</param>
    protected ModuleBuffer RegisterBuffer(string name, Tensor value, bool optional = false)
    {
        CheckName(name);
        var buffer = new ModuleBuffer(name, value, optional);
        _buffers.Add(buffer);
        return buffer;
    }

    private void CheckName(string name)
    {
        bool taken = _children.Exists(c => c.Name == name) || _parameters.Exists(p => p.Name == name) || _buffers.Exists(b => b.Name == name);
        if (taken || name.Length == 0 || (name.Contains('.') && !name.StartsWith("parametrizations.", StringComparison.Ordinal)))
            throw new MiniDLException($"[module] '{name}' cannot be registered in {GetType().Name}: names are not empty, have no dots and are unique in their module.");
    }

    /// <summary>
    /// From now on computes one of this module's parameters from those of <paramref name="computation"/>, which appear in the state
    /// dictionary as <c>parametrizations.NAME.…</c>, as in PyTorch.
    /// </summary>
    /// <exception cref="MiniDLException">There is no such parameter, or it is already computed.</exception>
    public void Reparametrize(string parameter, Reparametrization computation)
    {
        var target = LearnedParameter(parameter);
        Register($"parametrizations.{parameter}", computation);
        if (!target.RequiresGrad) computation.Freeze();
        target.ComputedBy = computation.Compute;
    }

    /// <summary>Turns a computed parameter back into one that is learned directly, with its current value.</summary>
    /// <exception cref="MiniDLException">The parameter is not computed by a <typeparamref name="T"/>.</exception>
    internal void RemoveReparametrization<T>(string parameter) where T : Reparametrization
    {
        var computation = _children.Find(child => child.Name == $"parametrizations.{parameter}") as T
            ?? throw new MiniDLException(Check.Line("reparametrize", $"{this} has no parameter '{parameter}' computed by {typeof(T).Name}."));
        using var noGrad = new NoGrad();
        _children.Remove(computation);
        (computation.Name, computation.Parent) = ("", null);
        var target = _parameters.Find(p => p.Name == parameter)!;
        target.ComputedBy = null;
        target.Value = computation.Compute();
        target.RequiresGrad = computation.Parameters().Any(p => p.RequiresGrad);
    }

    /// <summary>One of this module's own parameters that is learned directly, not computed.</summary>
    /// <exception cref="MiniDLException">There is none of that name.</exception>
    internal Parameter LearnedParameter(string name) =>
        _parameters.Find(p => p.Name == name) is { ComputedBy: null } found
            ? found
            : throw new MiniDLException(Check.Line("reparametrize", $"{this} has no parameter '{name}' that is learned itself."));

    /// <summary>This module and all below it, parents first, with their paths from here.</summary>
    public IEnumerable<(string Path, Module Module)> NamedModules(string prefix = "")
    {
        yield return (prefix, this);
        foreach (var child in _children)
            foreach (var named in child.NamedModules(Join(prefix, child.Name)))
                yield return named;
    }

    /// <summary>The learned parameters of this module and all below it, with their paths from here.</summary>
    public IEnumerable<(string Path, Parameter Parameter)> NamedParameters() =>
        NamedModules().SelectMany(m => m.Module._parameters.Where(p => p.ComputedBy is null).Select(p => (Join(m.Path, p.Name), p)));

    /// <summary>The learned parameters of this module and all below it.</summary>
    public IEnumerable<Parameter> Parameters() => NamedParameters().Select(p => p.Parameter);

    /// <summary>The buffers of this module and all below it, with their paths from here.</summary>
    public IEnumerable<(string Path, ModuleBuffer Buffer)> NamedBuffers() =>
        NamedModules().SelectMany(m => m.Module._buffers.Select(b => (Join(m.Path, b.Name), b)));

    string? IPath.NameOf(Tensor x) =>
        Root.NamedParameters().FirstOrDefault(p => ReferenceEquals(p.Parameter.Value, x)) is { Path: { } parameter } ? $"the parameter {parameter}"
        : Root.NamedBuffers().FirstOrDefault(b => ReferenceEquals(b.Buffer.Value, x)) is { Path: { } buffer } ? $"the buffer {buffer}"
        : null;

    /// <summary>The number of learned values.</summary>
    public int ParameterCount => Parameters().Sum(p => p.Shape.Count);

    /// <summary>Discards the gradients of all parameters.</summary>
    public void ZeroGrad()
    {
        foreach (var parameter in Parameters()) parameter.Value.ZeroGrad();
    }

    /// <summary>
    /// Moves all parameters and buffers to a device. They stay the same tensors, frozen ones stay frozen, and the gradients of those that
    /// move are discarded.
    /// </summary>
    public Module To(Device device)
    {
        foreach (var parameter in Parameters()) parameter.MoveTo(device);
        foreach (var (_, buffer) in NamedBuffers()) buffer.MoveTo(device);
        return this;
    }

    /// <summary>
    /// Freezes all parameters of this module and all below it: they get no gradients, and optimizers leave them alone. Buffers, such as
    /// running statistics, still change in training mode; <see cref="Eval"/> stops that.
    /// </summary>
    /// <example><code>model.Freeze(); model.Children[^1].Unfreeze();</code></example>
    public Module Freeze() => Learn(false);

    /// <summary>Undoes <see cref="Freeze"/>: all parameters of this module and all below it are learned again.</summary>
    public Module Unfreeze() => Learn(true);

    private Module Learn(bool learn)
    {
        foreach (var parameter in Parameters()) parameter.RequiresGrad = learn;
        return this;
    }

    /// <summary>Type and path: <c>Conv2d blocks.3.conv1</c>.</summary>
    public override string ToString() => Path.Length == 0 ? GetType().Name : $"{GetType().Name} {Path}";

    private static string Join(string prefix, string name) => prefix.Length == 0 ? name : $"{prefix}.{name}";

    private Module Root => Parent?.Root ?? this;

    /// <summary>Without this check, a forgotten Register would silently leave the module untrained and unsaved.</summary>
    private void CheckRegistered(Module caller)
    {
        if (Parent == caller || Root == caller.Root || !Parameters().Any(p => p.RequiresGrad)) return;
        string place = Parent is null ? "is not registered" : $"is registered in another model, {Root.GetType().Name}";
        throw new MiniDLException(Check.Line("module", $"{this}, which runs inside the forward pass of {caller.GetType().Name}, {place}: its "
            + $"{ParameterCount} parameters would be neither trained nor saved with {caller.Root.GetType().Name}. Register it in the constructor, "
            + $"_field = Register(\"name\", new {GetType().Name}(…)), or Freeze() it if it is not to be learned."));
    }

    /// <summary>Names the module in errors while its forward pass runs, and keeps other threads out if the pass changes it.</summary>
    internal readonly ref struct RunningModule
    {
        private readonly IPath? _outer;
        private readonly Module? _claimed;

        /// <exception cref="MiniDLException">The module is not registered, or another thread is training it.</exception>
        public RunningModule(Module module)
        {
            _outer = Check.Running;
            if (_outer is Module caller && caller != module) module.CheckRegistered(caller);
            if (module.Training && module.ChangesInTraining && module.TryClaim()) _claimed = module;
            Check.Running = module;
        }

        public void Dispose()
        {
            Check.Running = _outer;
            if (_claimed is not null) Volatile.Write(ref _claimed._trainingThread, 0);
        }
    }

    /// <summary>Claims the module for this thread's pass; false if an outer call of the same pass has already claimed it.</summary>
    private bool TryClaim()
    {
        int thread = Environment.CurrentManagedThreadId, owner = Interlocked.CompareExchange(ref _trainingThread, thread, 0);
        if (owner != 0 && owner != thread)
            throw new MiniDLException(Check.Line("module", $"{this} is in a forward pass in training mode on another thread, which changes "
                + "its state. Let one end before the next begins, give each thread a model of its own, or evaluate with Eval()."));
        return owner == 0;
    }

    private sealed class HookRemoval(Action remove) : IDisposable
    {
        public void Dispose() => remove();
    }
}
