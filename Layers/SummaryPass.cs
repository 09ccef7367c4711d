using MiniDL.Diagnostics;
using MiniDL.Memory;

namespace MiniDL.Layers;

/// <summary>Watches two forward passes of a model, one in training and one in evaluation mode, for its <see cref="ModelSummary"/>.</summary>
internal sealed class SummaryPass : EngineObserver
{
    private readonly Module _model;
    private readonly Dictionary<Module, Sums> _sums;
    private readonly HashSet<Storage> _constants, _counted = [];
    private bool _training;
    private int _depth;

    private SummaryPass(Module model)
    {
        _model = model;
        _sums = model.NamedModules().ToDictionary(named => named.Module, _ => new Sums());
        _constants = [.. model.StateDict().Values.Select(tensor => tensor.Storage)];
    }

    /// <exception cref="ShapeException">The input does not fit.</exception>
    /// <exception cref="MiniDLException">Nothing is recorded.</exception>
    public static ModelSummary Of(Module model, Tensor input)
    {
        if (NoGrad.Active)
            throw new MiniDLException("[summary] under NoGrad nothing is saved for backward, which is a column of the summary. Call it outside.");
        (Module Module, bool Training)[] modes = [.. model.NamedModules().Select(named => (named.Module, named.Module.Training))];
        (RandomStream Stream, ulong Position)[] streams = [.. modes.Select(mode => mode.Module).OfType<Dropout>().Select(d => (d.Random, d.Random.Position))];
        using var scope = Scope.Step();
        using var kept = new KeptBuffers(model);
        try
        {
            // One that is on would take these passes for the program's own.
            using var aside = Profiler.Start();
            using var pass = new SummaryPass(model);
            pass.Start();
            pass.Run(input.Detach());
            return pass.Result(input.Shape);
        }
        finally
        {
            // Parents first, whose mode is that of all below them, then the exceptions.
            foreach (var (module, training) in modes) module.Train(training);
            foreach (var (stream, position) in streams) stream.Position = position;
        }
    }

    public override void Starting(Operator node) => _depth++;

    public override void Ran(Operator node, Tensor y, bool recorded)
    {
        _depth--;
        var sums = node.Module is Module module && _sums.TryGetValue(module, out var own) ? own : _sums[_model];
        if (_training)
        {
            sums.Operations += node.Operations;
            if (recorded) sums.SavedBytes += node.TensorsForBackward().Sum(saved => NewBytes(saved.Value));
        }
        // What an operator computes on the way is gone when it ends.
        else if (_depth == 0) sums.EvaluationBytes += NewBytes(y);
    }

    public override void Left(IPath module, Tensor y)
    {
        if (_training && module is Module left && _sums.TryGetValue(left, out var sums)) sums.Output = y.Shape;
    }

    private void Run(Tensor input)
    {
        _training = true;
        _model.Train().Forward(input);
        _training = false;
        _counted.Clear();
        _counted.Add(input.Storage);
        using var noGrad = new NoGrad();
        _model.Eval().Forward(input);
    }

    /// <summary>The bytes of a tensor in memory that has not been counted in this pass, and is not the model's.</summary>
    private long NewBytes(Tensor tensor) =>
        _constants.Contains(tensor.Storage) || !_counted.Add(tensor.Storage) ? 0 : (long)tensor.Count * tensor.DType.Bytes();

    private ModelSummary Result(Shape input) => new(input, [.. _model.NamedModules().Select(named =>
    {
        var sums = _sums[named.Module];
        int parameters = named.Module.ParameterCount - named.Module.Children.Sum(child => child.ParameterCount);
        return new ModuleSummary(named.Path, named.Module.GetType().Name, sums.Output, parameters, sums.Operations, sums.SavedBytes, sums.EvaluationBytes);
    })]);

    /// <summary>What is known of a module so far.</summary>
    private sealed class Sums
    {
        public Shape? Output { get; set; }

        public double Operations { get; set; }

        public long SavedBytes { get; set; }

        public long EvaluationBytes { get; set; }
    }
}
