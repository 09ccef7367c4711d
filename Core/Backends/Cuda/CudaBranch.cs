using MiniDL.Memory;

namespace MiniDL.Backends.Cuda;

/// <summary>
/// A branch of the graph that is being recorded, beside its trunk, on which every kernel waits for the one before. Work goes here whose
/// results nobody asks for soon, such as gradients of weights: it starts after what is on the trunk, and the trunk goes on without it
/// until a kernel there is given one of the results. Memory that the branch uses is not handed out anew before the trunk has waited.
/// Outside of a recording everything stays in line: there the host's calls are what takes the time.
/// </summary>
internal sealed unsafe class CudaBranch(CudaStream trunk)
{
    /// <summary>
    /// Memory that the branch may keep from its next use: more lets the trunk run further ahead, but through memory that is not in the
    /// GPU's cache, of which an H100 has 50 MB.
    /// </summary>
    internal long MaxKeptBytes { get; set; } = 32 << 20;

    /// <summary>Not with MINIDL_CUDA_BRANCH=0, which is there to see what branches gain.</summary>
    internal bool Allowed { get; set; } = Environment.GetEnvironmentVariable("MINIDL_CUDA_BRANCH") != "0";

    /// <summary>How often the trunk had to wait because the branch kept too much memory.</summary>
    internal int WaitsForMemory { get; private set; }

    private readonly List<Work> _open = [];
    private readonly Stack<nint> _events = new();
    private nint _stream;
    private Work? _running;

    /// <summary>Where kernels go: to the branch between <see cref="Begin"/> and the section's end, else to the trunk.</summary>
    public nint Handle => _running is null ? trunk.Handle : _stream;

    /// <summary>Makes ready for a recording, during which a driver may refuse to make streams.</summary>
    public void Prepare()
    {
        if (_stream == 0) _stream = trunk.NewHandle(aheadOfBranches: false);
    }

    /// <summary>Puts what is launched until the section's end on the branch, if a graph is being recorded.</summary>
    /// <param name="results">Everything that it changes; absent ones may be null.</param>
    public Section Begin(params ReadOnlySpan<Tensor?> results)
    {
        if (CudaStep.Recording is null || !Allowed) return default;
        while (_open.Count > 0 && _open.Sum(work => work.KeptBytes) > MaxKeptBytes)
        {
            WaitForFirst(1);
            WaitsForMemory++;
        }
        nint start = NewEvent();
        trunk.Record(start);
        Wait(_stream, start);
        _events.Push(start);
        _running = new Work(NewEvent());
        foreach (var result in results)
            if (result is not null) _running.Results.Add(Extent.Of(result));
        return new Section(this);
    }

    /// <summary>Notes what the branch uses; has the trunk wait for what it is given.</summary>
    public void BeforeLaunch(ReadOnlySpan<Tensor?> operands)
    {
        if (CudaStep.Recording is null) return;
        foreach (var operand in operands)
        {
            if (operand is null) continue;
            if (_running is not null) _running.Use(operand);
            else WaitForFirst(_open.FindLastIndex(Extent.Of(operand).IsResult) + 1);
        }
    }

    /// <summary>Has the trunk wait for work that uses a tensor: before it changes what is in it already.</summary>
    public void BeforeChange(Tensor x)
    {
        if (CudaStep.Recording is not null && _running is null) WaitForFirst(_open.FindLastIndex(Extent.Of(x).IsUsed) + 1);
    }

    /// <summary>Has the trunk wait for everything, without which a recording cannot end.</summary>
    public void Join() => WaitForFirst(_open.Count);

    /// <summary>Forgets what is open, after a recording that failed, and comes back to the trunk: else its capture could not end.</summary>
    public void Abandon()
    {
        End();
        if (_open.Count > 0) _ = trunk.Api.StreamWaitEvent(trunk.Handle, _open[^1].Done, 0);
        Finish(_open.Count);
    }

    /// <summary>Gives the stream and its events back.</summary>
    public void Release()
    {
        while (_events.TryPop(out nint @event)) trunk.Context.Check(trunk.Api.EventDestroy(@event), "cuEventDestroy");
        if (_stream != 0) trunk.Context.Check(trunk.Api.StreamDestroy(_stream), "cuStreamDestroy");
        _stream = 0;
    }

    private void End()
    {
        if (_running is not { } work) return;
        // An error is one of the capture, whose end reports it; here it would hide the one that ended the section.
        _ = trunk.Api.EventRecord(work.Done, _stream);
        _open.Add(work);
        _running = null;
    }

    /// <summary>Has the trunk wait for the oldest pieces of work, which run one after the other: for the last of them.</summary>
    private void WaitForFirst(int count)
    {
        if (count == 0) return;
        Wait(trunk.Handle, _open[count - 1].Done);
        Finish(count);
    }

    private void Finish(int count)
    {
        foreach (var work in _open[..count])
        {
            work.LetGo();
            _events.Push(work.Done);
        }
        _open.RemoveRange(0, count);
    }

    private nint NewEvent() => _events.TryPop(out nint @event) ? @event : trunk.NewEvent();

    private void Wait(nint stream, nint @event) => trunk.Context.Check(trunk.Api.StreamWaitEvent(stream, @event, 0), "cuStreamWaitEvent");

    /// <summary>What is launched until it is disposed of goes to the branch.</summary>
    public readonly ref struct Section(CudaBranch? branch)
    {
        public void Dispose() => branch?.End();
    }

    /// <summary>What was launched in one section.</summary>
    /// <param name="done">The event after it.</param>
    private sealed class Work(nint done)
    {
        private readonly HashSet<Storage> _storages = [];

        public nint Done => done;

        public List<Extent> Results { get; } = [];

        public List<Extent> Used { get; } = [];

        /// <summary>Memory that was given back and waits for this.</summary>
        public long KeptBytes => _storages.Sum(storage => storage.Place.WaitsForUsers ? (long)storage.Capacity * storage.DType.Bytes() : 0);

        public void Use(Tensor operand)
        {
            Used.Add(Extent.Of(operand));
            if (_storages.Add(operand.Storage)) operand.Storage.Place.Users++;
        }

        public void LetGo()
        {
            foreach (var storage in _storages) StoragePool.EndUse(storage);
        }
    }

    /// <summary>Where the values of a tensor lie.</summary>
    private readonly record struct Extent(ulong Start, ulong End)
    {
        public static Extent Of(Tensor x)
        {
            ulong start = CudaBackend.Address(x);
            return new(start, start + (ulong)x.Count * (ulong)x.DType.Bytes());
        }

        public bool IsResult(Work work) => work.Results.Exists(Meets);

        public bool IsUsed(Work work) => work.Used.Exists(Meets);

        private bool Meets(Extent other) => Start < other.End && other.Start < End;
    }
}
