using System.Collections.Concurrent;

namespace MiniDL.Backends.Cuda;

/// <summary>
/// The GPU's memory in blocks, free ones by their size. A forgotten tensor's block comes back here by way of a queue, since the
/// garbage collector's thread must not call CUDA; it may be used again at once, because everything runs on one stream.
/// </summary>
internal sealed unsafe class CudaMemory(CudaContext context)
{
    private const int OutOfMemory = 2;

    private readonly ConcurrentQueue<(ulong Address, long Bytes)> _forgotten = new();
    private readonly Dictionary<long, Stack<ulong>> _free = [];

    /// <summary>Bytes that were taken from the driver and not given back.</summary>
    public long HeldBytes { get; private set; }

    /// <summary>A block, its content unset.</summary>
    /// <exception cref="MiniDLException">The GPU's memory is full.</exception>
    public ulong Allocate(long bytes)
    {
        lock (context.Gate)
        {
            context.MakeCurrent();
            CollectForgotten();
            if (_free.TryGetValue(bytes, out var free) && free.TryPop(out ulong address)) return address;
            int result = Take(bytes, out address);
            if (result == OutOfMemory && Graph.Recording is null)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                GiveBack();
                result = Take(bytes, out address);
            }
            if (result == OutOfMemory) throw Full(bytes);
            context.Check(result, "cuMemAlloc_v2", $"{bytes:N0} bytes");
            HeldBytes += bytes;
            return address;
        }
    }

    /// <summary>For finalizers: calls nothing.</summary>
    public void Forget(ulong address, long bytes) => _forgotten.Enqueue((address, bytes));

    /// <summary>Gives all free blocks back to the driver.</summary>
    public void GiveBack()
    {
        lock (context.Gate)
        {
            context.Synchronize();
            CollectForgotten();
            foreach (var (bytes, free) in _free)
                while (free.TryPop(out ulong address))
                {
                    context.Check(context.Api.MemoryFree(address), "cuMemFree_v2");
                    HeldBytes -= bytes;
                }
        }
    }

    private void CollectForgotten()
    {
        while (_forgotten.TryDequeue(out var block))
        {
            if (!_free.TryGetValue(block.Bytes, out var free)) _free[block.Bytes] = free = new Stack<ulong>();
            free.Push(block.Address);
        }
    }

    /// <summary>Asks the driver, also while a graph is being captured, where that has to be allowed first.</summary>
    private int Take(long bytes, out ulong address)
    {
        const int relaxed = 2;
        int mode = relaxed;
        bool exchange = Graph.Recording is not null && context.Api.ExchangeCaptureMode is not null;
        if (exchange) context.Check(context.Api.ExchangeCaptureMode(&mode), "cuThreadExchangeStreamCaptureMode");
        ulong taken = 0;
        int result = context.Api.MemoryAllocate(&taken, (nuint)bytes);
        if (exchange) context.Check(context.Api.ExchangeCaptureMode(&mode), "cuThreadExchangeStreamCaptureMode");
        address = taken;
        return result;
    }

    private MiniDLException Full(long bytes)
    {
        nuint free = 0, total = 0;
        context.Check(context.Api.MemoryGetInfo(&free, &total), "cuMemGetInfo_v2");
        return new MiniDLException($"[cuda] out of memory on {context.Name}: {bytes / 1e6:N1} MB are wanted, {free / 1e6:N0} of "
            + $"{total / 1e6:N0} MB are free, MiniDL holds {HeldBytes / 1e6:N0} MB. Use a smaller batch or model.");
    }
}
