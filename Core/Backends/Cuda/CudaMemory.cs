using System.Collections.Concurrent;
using MiniDL.Memory;

namespace MiniDL.Backends.Cuda;

/// <summary>
/// A stream's memory: blocks, with the free ones sorted by size. The block of a tensor that was garbage-collected returns through a queue,
/// since the collector's thread must not call CUDA. It can be reused at once, because everything runs on the same stream; if other
/// streams have read it, this one first waits for them.
/// </summary>
internal sealed unsafe class CudaMemory(CudaStream stream)
{
    private const int OutOfMemory = 2;

    private readonly ConcurrentQueue<(ulong Address, long Bytes, List<CudaStream>? Readers)> _forgotten = new();
    private readonly Dictionary<long, Stack<ulong>> _free = [];

    /// <summary>The pools of the stream's devices, one per precision.</summary>
    private readonly HashSet<StoragePool> _pools = [];
    private readonly Dictionary<ulong, long> _blocks = [];

    /// <summary>Bytes taken from the driver and not given back.</summary>
    public long HeldBytes { get; private set; }

    public CudaStream Stream => stream;

    private CudaContext Context => stream.Context;

    /// <summary>An uninitialized block.</summary>
    /// <exception cref="MiniDLException">The GPU's memory is full.</exception>
    public ulong Allocate(long bytes)
    {
        using var entered = stream.Enter();
        stream.RemoveForgottenGraphs();
        CollectForgotten();
        if (_free.TryGetValue(bytes, out var free) && free.TryPop(out ulong address)) return address;
        int result = Take(bytes, out address);
        if (result == OutOfMemory && CudaStep.Recording is null)
        {
            TrimPools();
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Context.DisposeForgotten();
            GiveBack();
            result = Take(bytes, out address);
        }
        if (result == OutOfMemory) throw Full(bytes);
        Context.Check(result, "cuMemAlloc_v2", $"{bytes:N0} bytes");
        _blocks.Add(address, bytes);
        Count(bytes);
        return address;
    }

    /// <summary>Registers a pool that keeps storage from this memory for reuse, until memory runs out.</summary>
    public void Add(StoragePool pool)
    {
        lock (_pools) _pools.Add(pool);
    }

    /// <summary>Makes all pools release what is not in use.</summary>
    public void TrimPools()
    {
        lock (_pools)
            foreach (var pool in _pools) pool.Trim();
    }

    /// <summary>For finalizers: makes no CUDA call.</summary>
    public void Forget(ulong address, long bytes, List<CudaStream>? readers) => _forgotten.Enqueue((address, bytes, readers));

    /// <summary>Gives all free blocks back to the driver.</summary>
    public void GiveBack()
    {
        using var entered = stream.Enter();
        stream.SynchronizeAlone();
        CollectForgotten();
        foreach (var free in _free.Values)
            while (free.TryPop(out ulong address)) Free(address);
    }

    /// <summary>Gives all blocks back, including those of live tensors: for the end of the stream.</summary>
    public void Release()
    {
        foreach (ulong address in _blocks.Keys.ToArray()) Free(address);
        _free.Clear();
    }

    private void CollectForgotten()
    {
        for (int count = _forgotten.Count; count > 0 && _forgotten.TryDequeue(out var block); count--)
        {
            if (block.Readers is { } readers)
            {
                // A recorded step cannot wait for work outside it.
                if (CudaStep.Recording is not null)
                {
                    _forgotten.Enqueue(block);
                    continue;
                }
                lock (Context.Setup)
                    foreach (var reader in readers) stream.WaitFor(reader);
            }
            if (!_free.TryGetValue(block.Bytes, out var free)) _free[block.Bytes] = free = new Stack<ulong>();
            free.Push(block.Address);
        }
    }

    private void Free(ulong address)
    {
        lock (Context.Setup) Context.Check(stream.Api.MemoryFree(address), "cuMemFree_v2");
        _blocks.Remove(address, out long bytes);
        Count(-bytes);
    }

    private void Count(long bytes)
    {
        HeldBytes += bytes;
        Context.CountHeld(bytes);
    }

    /// <summary>Allocates from the driver, even during a capture, which on some drivers has to be permitted first.</summary>
    private int Take(long bytes, out ulong address)
    {
        const int relaxed = 2;
        int mode = relaxed;
        bool exchange = CudaStep.Recording is not null && stream.Api.ExchangeCaptureMode is not null;
        ulong taken = 0;
        int result;
        lock (Context.Setup)
        {
            if (exchange) Context.Check(stream.Api.ExchangeCaptureMode(&mode), "cuThreadExchangeStreamCaptureMode");
            result = stream.Api.MemoryAllocate(&taken, (nuint)bytes);
            if (exchange) Context.Check(stream.Api.ExchangeCaptureMode(&mode), "cuThreadExchangeStreamCaptureMode");
        }
        address = taken;
        return result;
    }

    private MiniDLException Full(long bytes)
    {
        nuint free = 0, total = 0;
        Context.Check(stream.Api.MemoryGetInfo(&free, &total), "cuMemGetInfo_v2");
        return new MiniDLException($"[cuda] out of memory on {Context.Name}: {bytes / 1e6:N1} MB are wanted, {free / 1e6:N0} of "
            + $"{total / 1e6:N0} MB are free, MiniDL holds {Context.HeldBytes / 1e6:N0} MB. Use a smaller batch or model.");
    }
}
