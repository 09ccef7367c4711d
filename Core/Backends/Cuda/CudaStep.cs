using MiniDL.Memory;

namespace MiniDL.Backends.Cuda;

/// <summary>A step that is captured into a CUDA graph on its third run and replayed from then on.</summary>
internal sealed class CudaStep : RecordedStep
{
    private const int WarmUps = 2, MaxWords = 256;

    [ThreadStatic]
    private static CudaStep? _running;

    private readonly CudaBackend _cuda;
    private readonly Func<Tensor[]> _step;
    private readonly StoragePool _arena;
    private readonly List<Storage> _memory = [];
    private readonly List<Func<ulong>> _words = [];
    private readonly Dictionary<Func<float>, ulong> _rates = new(ReferenceEqualityComparer.Instance);
    private readonly List<Action> _actions = [];
    private readonly Tensor _wordsOnDevice;

    /// <summary>The scalars: each has a 64-bit word to itself, whose first half is the float.</summary>
    private readonly Tensor _scalarsOnDevice;
    private readonly List<Func<double>> _scalars = [];
    private CudaGraph? _graph;
    private Tensor[] _results = [];
    private int _runs;
    private bool _recording;

    /// <summary>Prepares a step; nothing runs yet.</summary>
    public CudaStep(CudaBackend cuda, Func<Tensor[]> step)
    {
        (_cuda, _step) = (cuda, step);
        var memory = _memory;
        _arena = new StoragePool((type, capacity) =>
        {
            var storage = cuda.NewStorage(type, capacity);
            memory.Add(storage);
            return storage;
        });
        using var outside = Scope.Suspend();
        _wordsOnDevice = Tensor.Zeros([MaxWords], cuda.Device, DType.I64).Keep();
        _scalarsOnDevice = Tensor.Zeros([2 * MaxWords], cuda.Device).Keep();
    }

    public override bool Repeats => true;

    public override Tensor[] Run()
    {
        // Inside another step that is being recorded, this one becomes part of it.
        if (Recording is not null) return _step();
        if (_graph is null && _runs++ < WarmUps) return _results = RunInArena();
        if (_graph is null) Record();
        foreach (var action in _actions) action();
        StoreWords();
        _graph!.Launch();
        return _results;
    }

    public override void Dispose()
    {
        _graph?.Dispose();
        _graph = null;
        (_results, _runs) = ([], 0);
        ForgetRuns();
        _memory.Clear();
        _arena.Trim();
    }

    /// <summary>The step being recorded on this thread; null if there is none.</summary>
    public static CudaStep? Recording => _running is { _recording: true } step ? step : null;

    /// <summary>Whether it is recorded on this stream.</summary>
    public bool IsOn(CudaStream stream) => _cuda.Stream == stream;

    /// <summary>The pool that a backend allocates from while a step runs on this thread; null outside a step.</summary>
    public static StoragePool? PoolOf(CudaBackend backend) => _running is { } step && step._cuda == backend ? step._arena : null;

    /// <summary>Reserves a word on the device that is set again before every run.</summary>
    /// <returns>Its address.</returns>
    public ulong Word(Func<ulong> next)
    {
        if (_words.Count == MaxWords)
            throw new MiniDLException(Check.Line("record", $"the step has random streams, learning rates and counters in more than {MaxWords} places. "
                + "Record a part of it."));
        _words.Add(next);
        return CudaBackend.Address(_wordsOnDevice, _words.Count - 1);
    }

    /// <summary>The same for a float; the same function always gets the same word.</summary>
    public ulong Word(Func<float> next)
    {
        if (!_rates.TryGetValue(next, out ulong address))
            _rates[next] = address = Word(() => BitConverter.SingleToUInt32Bits(next()));
        return address;
    }

    /// <summary>A scalar on the device that is set again before every run.</summary>
    public Tensor Scalar(Func<double> next)
    {
        if (_scalars.Count == MaxWords)
            throw new MiniDLException(Check.Line("record", $"the step has more than {MaxWords} values that change. Record a part of it."));
        _scalars.Add(next);
        return _scalarsOnDevice.Window(2 * (_scalars.Count - 1), Shape.Scalar);
    }

    /// <summary>Registers an action for the host before every run; actions run in order, before words and scalars are set.</summary>
    public void BeforeRuns(Action action) => _actions.Add(action);

    /// <summary>Registers labels for the host to check before every run.</summary>
    public void CheckBeforeRuns(Tensor labels, int classes)
    {
        var values = labels.Detach();
        BeforeRuns(() => _cuda.CheckLabels(values, classes));
    }

    /// <summary>Runs the step in the graph's own memory; only what the step returns stays in use.</summary>
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

    private void Record()
    {
        _recording = true;
        try
        {
            _graph = CudaGraph.Record(_cuda.Stream, () => _results = RunInArena());
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

    private void StoreWords()
    {
        for (int first = 0; first < _words.Count; first += Words.MaxCount)
            _cuda.StoreWords(_wordsOnDevice, first, [.. _words.Skip(first).Take(Words.MaxCount).Select(next => next())]);
        for (int first = 0; first < _scalars.Count; first += Words.MaxCount)
            _cuda.StoreWords(_scalarsOnDevice, 2 * first,
                [.. _scalars.Skip(first).Take(Words.MaxCount).Select(next => (ulong)BitConverter.SingleToUInt32Bits((float)next()))]);
    }

    /// <summary>Forgets everything that was to be done before every run.</summary>
    private void ForgetRuns()
    {
        _words.Clear();
        _rates.Clear();
        _scalars.Clear();
        _actions.Clear();
    }
}
