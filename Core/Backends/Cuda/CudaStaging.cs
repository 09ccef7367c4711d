using System.Buffers;

namespace MiniDL.Backends.Cuda;

/// <summary>
/// Pinned buffers that values pass through on their way to the GPU and back. Uploads take turns, so that the next one need not
/// wait for the last; a download waits for the stream.
/// </summary>
internal sealed unsafe class CudaStaging(CudaContext context)
{
    private const int Turns = 4;

    private readonly Buffer[] _uploads = new Buffer[Turns];
    private Buffer _download;
    private int _next;

    /// <summary>Fills a pinned buffer and puts a copy of it to the GPU on the stream.</summary>
    public void Upload<TState>(ulong address, int bytes, TState state, SpanAction<byte, TState> fill)
        where TState : allows ref struct
    {
        if (bytes == 0) return;
        lock (context.Gate)
        {
            context.MakeCurrent();
            ref var buffer = ref _uploads[_next++ % Turns];
            if (buffer.Event != 0) context.Check(context.Api.EventSynchronize(buffer.Event), "cuEventSynchronize", "an upload");
            Grow(ref buffer, bytes);
            fill(new Span<byte>(buffer.Address, bytes), state);
            context.Check(context.Api.CopyToDevice(address, buffer.Address, (nuint)bytes, context.Stream), "cuMemcpyHtoDAsync_v2");
            context.Check(context.Api.EventRecord(buffer.Event, context.Stream), "cuEventRecord");
        }
    }

    /// <summary>Waits for the stream and hands out what lay on the GPU.</summary>
    public void Download<TState>(ulong address, int bytes, TState state, ReadOnlySpanAction<byte, TState> read)
        where TState : allows ref struct
    {
        if (bytes == 0) return;
        lock (context.Gate)
        {
            context.MakeCurrent();
            Grow(ref _download, bytes);
            context.Check(context.Api.CopyToHost(_download.Address, address, (nuint)bytes, context.Stream), "cuMemcpyDtoHAsync_v2");
            context.Synchronize();
            read(new ReadOnlySpan<byte>(_download.Address, bytes), state);
        }
    }

    private void Grow(ref Buffer buffer, int bytes)
    {
        const uint noTiming = 2;
        if (buffer.Event == 0)
        {
            nint made;
            context.Check(context.Api.EventCreate(&made, noTiming), "cuEventCreate");
            buffer.Event = made;
        }
        if (buffer.Bytes >= bytes) return;
        if (buffer.Address is not null) context.Check(context.Api.HostFree(buffer.Address), "cuMemFreeHost");
        buffer = buffer with { Address = null, Bytes = 0 };
        void* address;
        nuint capacity = Math.Max(System.Numerics.BitOperations.RoundUpToPowerOf2((nuint)bytes), 4096);
        context.Check(context.Api.HostAllocate(&address, capacity, 0), "cuMemHostAlloc", $"{capacity:N0} bytes");
        buffer = buffer with { Address = address, Bytes = (long)capacity };
    }

    private struct Buffer
    {
        public void* Address;
        public long Bytes;

        /// <summary>Recorded behind the last copy out of the buffer.</summary>
        public nint Event;
    }
}
