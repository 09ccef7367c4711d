using System.Collections.Concurrent;
using System.Text;

namespace MiniDL.Backends.Cuda;

/// <summary>
/// One stream of a GPU with its memory: its work runs in order, concurrently with that of other streams. Any thread may use
/// it; a lock keeps the threads apart, so a capture contains only the capturing thread's work.
/// </summary>
internal sealed unsafe class CudaStream : IDisposable
{
    private readonly Lock _gate = new();
    private readonly ConcurrentQueue<nint> _forgottenGraphs = new();
    private readonly HashSet<nint> _graphs = [];
    private readonly ConcurrentBag<nint> _events = [];
    private nint _stream;

    public CudaStream(CudaContext context)
    {
        (Context, Memory, Staging, Branch) = (context, new CudaMemory(this), new CudaStaging(this), new CudaBranch(this));
        context.DisposeForgotten();
        context.MakeCurrent();
        _stream = NewHandle(aheadOfBranches: true);
        Number = context.CountStream();
    }

    /// <summary>The garbage collector's thread must not call CUDA.</summary>
    ~CudaStream()
    {
        if (_stream != 0) Context.Forget(this);
    }

    public CudaContext Context { get; }

    /// <summary>The number of the stream on its GPU, from 1.</summary>
    public int Number { get; }

    public CudaApi Api => Context.Api;

    public CudaMemory Memory { get; }

    public CudaStaging Staging { get; }

    /// <summary>The branch parallel to the stream while a graph is recorded.</summary>
    public CudaBranch Branch { get; }

    /// <summary>
    /// Whether steps recorded from now on are replayed as graphs. With MINIDL_CUDA_GRAPH=0 they run kernel by kernel each time, so that an
    /// error can name its kernel.
    /// </summary>
    internal bool RepeatsGraphs { get; set; } = Environment.GetEnvironmentVariable("MINIDL_CUDA_GRAPH") != "0";

    /// <summary>Observes every launch during a measurement; otherwise null.</summary>
    public LaunchProbe? Probe { get; set; }

    /// <summary>Whether to wait after every launch, so that an error names the kernel that caused it: MINIDL_CUDA_SYNC=1.</summary>
    private static readonly bool WaitAfterLaunch = Environment.GetEnvironmentVariable("MINIDL_CUDA_SYNC") is { Length: > 0 } and not "0";

    /// <summary>Keeps other threads off the stream: around everything put on it, and throughout a capture.</summary>
    /// <exception cref="MiniDLException">
    /// The stream was disposed of, the GPU has failed, or this thread is recording a graph on another stream.
    /// </exception>
    public Lock.Scope Enter()
    {
        if (CudaStep.Recording is { } graph && !graph.IsOn(this))
            throw new MiniDLException(Check.Line("record", "a recorded step uses another stream than the one that it is recorded on. "
                + "Move its tensors to the recorded step's device before."));
        var entered = _gate.EnterScope();
        try
        {
            MakeCurrent();
        }
        catch
        {
            entered.Dispose();
            throw;
        }
        return entered;
    }

    /// <summary>The driver's handle of the stream; use it only inside <see cref="Enter"/>.</summary>
    public nint Handle => _stream;

    /// <summary>Puts a kernel on the stream.</summary>
    /// <param name="operands">Kept alive until the kernel is launched, and named in errors.</param>
    public void Launch<TArguments>(Kernel kernel, int blocks, int threads, in TArguments arguments, params ReadOnlySpan<Tensor?> operands)
        where TArguments : unmanaged
    {
        if (blocks == 0) return;
        nint function = Context.Modules.Find(kernel);
        fixed (TArguments* pointer = &arguments)
        {
            using var entered = Enter();
            Branch.BeforeLaunch(operands);
            ReadForeign(operands);
            void* parameter = pointer;
            int times = Probe?.Before(kernel, blocks) ?? 1, result = 0;
            for (; times > 0 && result == 0; times--)
                result = Api.LaunchKernel(function, (uint)blocks, 1, 1, (uint)threads, 1, 1, (uint)kernel.SharedBytes,
                    Branch.Handle, &parameter, null);
            Probe?.After();
            if (result == 0 && WaitAfterLaunch && CudaStep.Recording is null) result = Api.StreamSynchronize(_stream);
            if (result != 0)
                Context.Check(result, "cuLaunchKernel", $"{kernel.Name}({Describe(operands)})", inHindsight: !WaitAfterLaunch);
        }
        foreach (var operand in operands) GC.KeepAlive(operand);
    }

    /// <summary>Waits for everything on the stream now; other threads may continue to use it.</summary>
    public void Synchronize()
    {
        nint @event;
        using (Enter())
        {
            if (!_events.TryTake(out @event)) @event = NewEvent();
            Record(@event);
        }
        Wait(@event);
        _events.Add(@event);
    }

    /// <summary>Waits while no other thread can use the stream.</summary>
    public void SynchronizeAlone() => Context.Check(Api.StreamSynchronize(_stream), "cuStreamSynchronize");

    /// <summary>A new stream of the driver, concurrent with all others.</summary>
    /// <param name="aheadOfBranches">Whether its blocks take precedence when not all fit on the GPU.</param>
    public nint NewHandle(bool aheadOfBranches)
    {
        const uint nonBlocking = 1;
        nint made;
        Context.Check(Api.StreamCreate(&made, nonBlocking, aheadOfBranches ? -1 : 0), "cuStreamCreateWithPriority");
        return made;
    }

    /// <summary>Makes this stream wait for everything now on another one.</summary>
    /// <remarks>Only inside <see cref="Enter"/>, with the setup lock held, and outside recordings.</remarks>
    public void WaitFor(CudaStream other)
    {
        if (other._stream == 0) return;
        if (!_events.TryTake(out nint @event)) @event = NewEvent();
        Context.Check(Api.EventRecord(@event, other._stream), "cuEventRecord");
        Context.Check(Api.StreamWaitEvent(_stream, @event, 0), "cuStreamWaitEvent");
        _events.Add(@event);
    }

    /// <summary>A new event for <see cref="Record"/> to put on the stream.</summary>
    /// <param name="timed">Whether it records the time, which costs a little more.</param>
    public nint NewEvent(bool timed = false)
    {
        // One thread may spin while it waits. If several threads have streams, all but the first sleep, so that the others can run.
        const uint sleep = 1, noTiming = 2;
        nint made;
        Context.Check(Api.EventCreate(&made, (Number > 1 ? sleep : 0) | (timed ? 0 : noTiming)), "cuEventCreate");
        return made;
    }

    /// <summary>Destroys an event.</summary>
    public void Destroy(nint made)
    {
        MakeCurrent();
        Context.Check(Api.EventDestroy(made), "cuEventDestroy");
    }

    /// <summary>The GPU time between two timed events that the stream has reached.</summary>
    public double Milliseconds(nint begin, nint end)
    {
        float milliseconds;
        MakeCurrent();
        Context.Check(Api.EventElapsedTime(&milliseconds, begin, end), "cuEventElapsedTime");
        return milliseconds;
    }

    /// <summary>The GPU time of the work that an action puts on the stream.</summary>
    public double MillisecondsOf(Action action)
    {
        nint begin, end;
        using (Enter())
        {
            (begin, end) = (NewEvent(timed: true), NewEvent(timed: true));
            Record(begin);
        }
        action();
        using (Enter()) Record(end);
        Synchronize();
        double milliseconds = Milliseconds(begin, end);
        Destroy(begin);
        Destroy(end);
        return milliseconds;
    }

    public void Record(nint @event) => Context.Check(Api.EventRecord(@event, _stream), "cuEventRecord");

    /// <summary>Waits until the stream has reached the event; needs no lock.</summary>
    public void Wait(nint @event)
    {
        MakeCurrent();
        Context.Check(Api.EventSynchronize(@event), "cuEventSynchronize");
    }

    /// <summary>Takes charge of a captured graph until it is removed.</summary>
    public void Add(nint graph) => _graphs.Add(graph);

    /// <summary>Destroys a captured graph.</summary>
    public void Remove(nint graph)
    {
        if (!_graphs.Contains(graph)) return;
        SynchronizeAlone();
        lock (Context.Setup) Context.Check(Api.GraphExecDestroy(graph), "cuGraphExecDestroy");
        _graphs.Remove(graph);
    }

    /// <summary>For finalizers: makes no CUDA call.</summary>
    public void Forget(nint graph) => _forgottenGraphs.Enqueue(graph);

    /// <summary>Destroys graphs that nobody refers to any more.</summary>
    public void RemoveForgottenGraphs()
    {
        if (CudaStep.Recording is not null) return;
        while (_forgottenGraphs.TryDequeue(out nint graph)) Remove(graph);
    }

    /// <summary>Waits for the stream and destroys it with all its remaining memory and graphs.</summary>
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        if (_stream == 0 || Context.HasFailed) return;
        using var entered = Enter();
        // A failure has been reported, or will be by the next call; thrown here it would hide an exception in flight.
        if (Api.StreamSynchronize(_stream) != 0) return;
        lock (Context.Setup)
        {
            foreach (nint graph in _graphs) Context.Check(Api.GraphExecDestroy(graph), "cuGraphExecDestroy");
            foreach (nint @event in _events) Context.Check(Api.EventDestroy(@event), "cuEventDestroy");
            Branch.Release();
            Staging.Release();
            Memory.Release();
            Context.Check(Api.StreamDestroy(_stream), "cuStreamDestroy");
            _stream = 0;
        }
        _graphs.Clear();
    }

    private void MakeCurrent()
    {
        if (_stream == 0) throw new MiniDLException("[cuda] the stream was disposed of, and its tensors with it.");
        Context.MakeCurrent();
    }

    /// <summary>Tells memory of other streams that this one reads it, so that they do not reuse it too early.</summary>
    private void ReadForeign(ReadOnlySpan<Tensor?> operands)
    {
        foreach (var operand in operands)
            if (operand?.Storage is CudaStorage storage && storage.Stream != this) storage.ReadBy(this);
    }

    private static string Describe(ReadOnlySpan<Tensor?> operands)
    {
        var text = new StringBuilder();
        foreach (var operand in operands)
            if (operand is not null)
                text.Append(text.Length > 0 ? ", " : "").Append(operand.DType.ToString().ToLowerInvariant()).Append(operand.Shape);
        return text.ToString();
    }
}
