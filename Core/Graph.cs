using MiniDL.Backends;
using MiniDL.Backends.Cuda;
using MiniDL.Memory;

namespace MiniDL;

/// <summary>
/// A training step, forward, backward and optimizer, that a GPU repeats as a whole: recorded once, it starts with one call
/// instead of hundreds. On other devices, and where the environment has MINIDL_CUDA_GRAPH=0, the step simply runs.
/// </summary>
/// <remarks>
/// <para>The step must do the same work every time, on tensors that stay where they are; only their values may change in between.
/// Learning rates, the positions of the streams that dropout draws from and counters of batches go on as if the step ran. The host
/// cannot read values inside (an error says what was read): return what you want to look at.</para>
/// <para>The first two runs are ordinary steps, which make gradients, velocities and whatever else is made once; the third is
/// recorded. Memory that the step uses inside belongs to the graph: what is to outlive a run is returned or kept
/// (<see cref="Tensor.Keep"/>), as in a <see cref="Scope"/>.</para>
/// </remarks>
/// <example><code>
/// var graph = Graph.Capture(Device.Cuda, () =>
/// {
///     var loss = Loss.CrossEntropy(model.Forward(images), labels);
///     sgd.ZeroGrad();
///     loss.Backward();
///     sgd.Step();
///     return [loss];
/// });
/// foreach (var batch in loader)
/// {
///     batch.Images.CopyTo(images);
///     batch.Labels.CopyTo(labels);
///     double loss = graph.Run()[0].Item();
/// }
/// </code></example>
public sealed class Graph : IDisposable
{
    private const int WarmUps = 2, MostWords = 256;

    [ThreadStatic]
    private static Graph? _running;

    private readonly CudaBackend? _cuda;
    private readonly Func<Tensor[]> _step;
    private readonly StoragePool? _arena;
    private readonly List<Storage> _memory = [];
    private readonly List<Func<ulong>> _words = [];
    private readonly Dictionary<Func<float>, ulong> _rates = new(ReferenceEqualityComparer.Instance);
    private readonly List<Action> _actions = [];
    private readonly List<(Tensor Labels, int Classes)> _labels = [];
    private readonly Tensor? _wordsOnDevice;

    /// <summary>The words once more, as floats: every second one is a scalar.</summary>
    private readonly Tensor? _scalarsOnDevice;
    private readonly List<Func<double>> _scalars = [];
    private CudaGraph? _graph;
    private Tensor[] _results = [];
    private int _runs;
    private bool _recording;

    private Graph(Device device, Func<Tensor[]> step)
    {
        _step = step;
        _cuda = device.Backend is CudaBackend { Stream.RepeatsGraphs: true } cuda ? cuda : null;
        if (_cuda is null) return;
        var memory = _memory;
        var create = _cuda.NewStorage;
        _arena = new StoragePool((type, capacity) =>
        {
            var storage = create(type, capacity);
            memory.Add(storage);
            return storage;
        });
        using var outside = Scope.Suspend();
        _wordsOnDevice = Tensor.Zeros([MostWords], device, DType.I64).Keep();
        _scalarsOnDevice = Tensor.Zeros([2 * MostWords], device).Keep();
    }

    /// <summary>Whether the step is recorded and repeated, on the same tensors, rather than run anew each time.</summary>
    public bool Repeats => _cuda is not null;

    /// <summary>Prepares a step; nothing runs yet.</summary>
    /// <param name="device">Where its tensors are.</param>
    /// <param name="step">The step; what it returns is handed out by <see cref="Run"/>.</param>
    public static Graph Capture(Device device, Func<Tensor[]> step) => new(device, step);

    /// <summary>Runs the step once.</summary>
    /// <returns>What the step returns; valid until the next run.</returns>
    /// <exception cref="MiniDLException">Values were read by the host, or put in by it, while the step was recorded.</exception>
    public Tensor[] Run()
    {
        // A step that is being recorded takes this one in as a part of itself.
        if (_cuda is null || Recording is not null) return _step();
        if (_graph is null && _runs++ < WarmUps) return _results = RunInArena();
        if (_graph is null) Record(_cuda);
        foreach (var (labels, classes) in _labels) _cuda.CheckLabels(labels, classes);
        foreach (var action in _actions) action();
        StoreWords(_cuda);
        _graph!.Launch();
        return _results;
    }

    /// <summary>Lets go of the recorded step and its memory, but for tensors that are still referred to, such as gradients.</summary>
    public void Dispose()
    {
        _graph?.Dispose();
        _graph = null;
        (_results, _runs) = ([], 0);
        ForgetRuns();
        _memory.Clear();
        _arena?.Trim();
    }

    /// <summary>The graph that the step on this thread is recorded into; null outside.</summary>
    internal static Graph? Recording => _running is { _recording: true } graph ? graph : null;

    /// <summary>Whether it is recorded on this stream.</summary>
    internal bool IsOn(CudaStream stream) => _cuda?.Stream == stream;

    /// <summary>Where a backend takes memory from while a step runs on this thread; null outside.</summary>
    internal static StoragePool? PoolOf(Backend backend) =>
        _running is { } graph && ReferenceEquals(graph._cuda, backend) ? graph._arena : null;

    /// <summary>Sets aside a word on the device that is set anew before every run.</summary>
    /// <returns>Its address.</returns>
    internal ulong Word(Func<ulong> next)
    {
        if (_words.Count == MostWords)
            throw new MiniDLException(Check.Line("graph", $"the step draws and learns in more than {MostWords} places. "
                + "Capture a part of it."));
        _words.Add(next);
        return CudaBackend.Address(_wordsOnDevice, _words.Count - 1);
    }

    /// <summary>The same for a float; asked for twice, it is the same word.</summary>
    internal ulong Word(Func<float> next)
    {
        if (!_rates.TryGetValue(next, out ulong address))
            _rates[next] = address = Word(() => BitConverter.SingleToUInt32Bits(next()));
        return address;
    }

    /// <summary>A scalar on the device that is set anew before every run.</summary>
    internal Tensor Scalar(Func<double> next)
    {
        if (_scalars.Count == MostWords)
            throw new MiniDLException(Check.Line("graph", $"the step has more than {MostWords} values that change. Capture a part of it."));
        _scalars.Add(next);
        return _scalarsOnDevice!.Window(2 * (_scalars.Count - 1), Shape.Scalar);
    }

    /// <summary>Something that the host does before every run, before it sets words and scalars.</summary>
    internal void BeforeRuns(Action action) => _actions.Add(action);

    /// <summary>Labels that the host has to look at again before every run.</summary>
    internal void CheckBeforeRuns(Tensor labels, int classes) => _labels.Add((labels.Detach(), classes));

    /// <summary>Runs the step in memory of the graph; of it only what the step returns stays in use.</summary>
    private Tensor[] RunInArena()
    {
        using var outside = Scope.Suspend();
        using var scope = Scope.Step();
        var outer = _running;
        _running = this;
        try
        {
            return [.. _step().Select(result => result.Keep())];
        }
        finally
        {
            _running = outer;
        }
    }

    private void Record(CudaBackend cuda)
    {
        _recording = true;
        try
        {
            _graph = CudaGraph.Record(cuda.Stream, () => _results = RunInArena());
        }
        catch
        {
            ForgetRuns();
            throw;
        }
        finally
        {
            _recording = false;
        }
    }

    private void StoreWords(CudaBackend cuda)
    {
        for (int first = 0; first < _words.Count; first += Words.Most)
            cuda.StoreWords(_wordsOnDevice!, first, [.. _words.Skip(first).Take(Words.Most).Select(next => next())]);
        for (int first = 0; first < _scalars.Count; first += Words.Most)
            cuda.StoreWords(_scalarsOnDevice!, 2 * first,
                [.. _scalars.Skip(first).Take(Words.Most).Select(next => (ulong)BitConverter.SingleToUInt32Bits((float)next()))]);
    }

    /// <summary>Forgets what was to be done before every run.</summary>
    private void ForgetRuns()
    {
        _words.Clear();
        _rates.Clear();
        _scalars.Clear();
        _actions.Clear();
        _labels.Clear();
    }
}
