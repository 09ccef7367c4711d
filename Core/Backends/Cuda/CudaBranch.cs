using MiniDL.Memory;

namespace MiniDL.Backends.Cuda;

/// <summary>
/// A branch of the graph being recorded, parallel to its trunk, in which every kernel waits for the one before. Work whose results are not
/// needed soon, such as the gradients of weights, goes here: it starts after what is on the trunk so far, and the trunk continues without
/// it until a kernel there uses one of the results. Memory used by the branch is not reused before the trunk has waited for it.
/// Outside a recording everything stays in line: there the time goes into the host's calls anyway.
/// </summary>
internal sealed unsafe class CudaBranch(CudaStream trunk)
{
    /// <summary>
    /// How much freed memory the branch may hold back from reuse. More lets the trunk run further ahead, but then it works in memory that
    /// does not fit the GPU's cache, which has 50 MB on an H100.
    /// </summary>
    internal long MaxKeptBytes { get; set; } = 32 << 20;

    /// <summary>Whether the branch is used; MINIDL_CUDA_BRANCH=0 turns it off, to measure what it gains.</summary>
    internal bool Allowed { get; set; } = Environment.GetEnvironmentVariable("MINIDL_CUDA_BRANCH") != "0";

    /// <summary>How often the trunk had to wait because the branch held back too much memory.</summary>
    internal int WaitsForMemory { get; private set; }

    private readonly List<Work> _open = [];
    private readonly Stack<nint> _events = new();
    private nint _stream;
    private Work? _running;

    /// <summary>The stream that kernels go to: the branch between <see cref="Begin"/> and the section's end, else the trunk.</summary>
    public nint Handle => _running is null ? trunk.Handle : _stream;

    /// <summary>Prepares for a recording: during one, a driver may refuse to create streams.</summary>
    public void Prepare()
    {
        if (_stream == 0) _stream = trunk.NewHandle(aheadOfBranches: false);
    }

    /// <summary>Puts everything launched until the section's end on the branch, if a graph is being recorded.</summary>
    /// <param name="results">All tensors that the section changes; absent ones may be null.</param>
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

    /// <summary>On the branch: notes what it uses. On the trunk: waits if an operand is a result of the branch.</summary>
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

    /// <summary>Before a tensor is changed in place: makes the trunk wait for branch work that uses it.</summary>
    public void BeforeChange(Tensor x)
    {
        if (CudaStep.Recording is not null && _running is null) WaitForFirst(_open.FindLastIndex(Extent.Of(x).IsUsed) + 1);
    }

    /// <summary>Makes the trunk wait for the whole branch: a recording cannot end otherwise.</summary>
    public void Join() => WaitForFirst(_open.Count);

    /// <summary>After a recording that failed: drops open work and rejoins the trunk, because the capture could not end otherwise.</summary>
    public void Abandon()
    {
        End();
        if (_open.Count > 0) _ = trunk.Api.StreamWaitEvent(trunk.Handle, _open[^1].Done, 0);
        Finish(_open.Count);
    }

    /// <summary>Destroys the stream and its events.</summary>
    public void Release()
    {
        while (_events.TryPop(out nint @event)) trunk.Context.Check(trunk.Api.EventDestroy(@event), "cuEventDestroy");
        if (_stream != 0) trunk.Context.Check(trunk.Api.StreamDestroy(_stream), "cuStreamDestroy");
        _stream = 0;
    }

    private void End()
    {
        if (_running is not { } work) return;
        // An error here belongs to the capture, whose end reports it; thrown here it would hide the error that ended the section.
        _ = trunk.Api.EventRecord(work.Done, _stream);
        _open.Add(work);
        _running = null;
    }

    /// <summary>Makes the trunk wait for the oldest pieces of work; they run in order, so waiting for the last of them is enough.</summary>
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

    /// <summary>Until it is disposed of, everything launched goes to the branch.</summary>
    public readonly ref struct Section(CudaBranch? branch)
    {
        public void Dispose() => branch?.End();
    }

    /// <summary>The work launched in one section.</summary>
    /// <param name="done">The event after it.</param>
    private sealed class Work(nint done)
    {
        private readonly HashSet<Storage> _storages = [];

        public nint Done => done;

        public List<Extent> Results { get; } = [];

        public List<Extent> Used { get; } = [];

        /// <summary>Memory that has been returned but waits for this work.</summary>
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

    /// <summary>The address range of a tensor's values.</summary>
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
