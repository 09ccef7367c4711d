using System.Collections.Concurrent;

namespace MiniDL.Backends.Cuda;

/// <summary>
/// Pinned buffers for transfers to and from the GPU; large transfers go piece by piece. Uploads alternate between buffers, so the
/// next piece need not wait for the last one; a download waits for the stream.
/// </summary>
internal sealed unsafe class CudaStaging(CudaStream stream)
{
    private const int Turns = 4;

    private readonly PinnedBuffer?[] _uploads = new PinnedBuffer?[Turns];
    private readonly ConcurrentStack<PinnedBuffer> _freeDownloads = [];
    private readonly List<PinnedBuffer> _downloads = [];
    private int _next;

    /// <summary>The most bytes per piece; buffers grow no larger.</summary>
    internal int PieceBytes { get; set; } = 16 << 20;

    /// <summary>Puts the upload of values, converted, on the stream.</summary>
    public void Upload<T>(ReadOnlySpan<T> values, DType type, ulong address) where T : unmanaged
    {
        while (!values.IsEmpty)
        {
            var piece = values[..Math.Min(values.Length, PieceBytes / type.Bytes())];
            values = values[piece.Length..];
            UploadPiece(piece, type, address);
            address += (ulong)piece.Length * (ulong)type.Bytes();
        }
    }

    /// <summary>Waits for the stream and returns, converted, the values from the GPU.</summary>
    public void Download<T>(ulong address, DType type, Span<T> values) where T : unmanaged
    {
        while (!values.IsEmpty)
        {
            var piece = values[..Math.Min(values.Length, PieceBytes / type.Bytes())];
            values = values[piece.Length..];
            End(Begin(address, piece.Length * type.Bytes()), type, piece);
            address += (ulong)piece.Length * (ulong)type.Bytes();
        }
    }

    /// <summary>Puts the download on the stream and returns without waiting, if the values fit one piece.</summary>
    /// <returns>Waits for the values.</returns>
    public Func<T[]> DownloadLater<T>(ulong address, DType type, int count) where T : unmanaged
    {
        var buffer = count > 0 && count <= PieceBytes / type.Bytes() ? Begin(address, count * type.Bytes()) : null;
        T[] Read()
        {
            var values = new T[count];
            if (buffer is null) Download(address, type, values.AsSpan());
            else End(buffer, type, values.AsSpan());
            return values;
        }
        var read = new Lazy<T[]>(Read);
        if (buffer is null) _ = read.Value;
        return () => read.Value;
    }

    /// <summary>Frees the buffers: for the end of the stream.</summary>
    public void Release()
    {
        foreach (var buffer in _uploads) buffer?.Release();
        foreach (var buffer in _downloads) buffer.Release();
        Array.Clear(_uploads);
        _downloads.Clear();
        _freeDownloads.Clear();
    }

    private void UploadPiece<T>(ReadOnlySpan<T> values, DType type, ulong address) where T : unmanaged
    {
        using var entered = stream.Enter();
        var buffer = _uploads[_next] ??= new PinnedBuffer(stream);
        _next = (_next + 1) % Turns;
        stream.Wait(buffer.Copied);
        int bytes = values.Length * type.Bytes();
        buffer.Reserve(bytes);
        HostValues.Convert(values, type, buffer.Span(bytes));
        stream.Context.Check(stream.Api.CopyToDevice(address, buffer.Address, (nuint)bytes, stream.Handle), "cuMemcpyHtoDAsync_v2");
        stream.Record(buffer.Copied);
    }

    private PinnedBuffer Begin(ulong address, int bytes)
    {
        using var entered = stream.Enter();
        if (!_freeDownloads.TryPop(out var buffer)) _downloads.Add(buffer = new PinnedBuffer(stream));
        buffer.Reserve(bytes);
        stream.Context.Check(stream.Api.CopyToHost(buffer.Address, address, (nuint)bytes, stream.Handle), "cuMemcpyDtoHAsync_v2");
        stream.Record(buffer.Copied);
        return buffer;
    }

    /// <summary>Waits for the copy, while other threads may use the stream, then converts the values.</summary>
    private void End<T>(PinnedBuffer buffer, DType type, Span<T> values) where T : unmanaged
    {
        stream.Wait(buffer.Copied);
        HostValues.Convert(buffer.Span(values.Length * type.Bytes()), type, values);
        _freeDownloads.Push(buffer);
    }

    /// <summary>Memory that the GPU reads and writes by itself while the program continues.</summary>
    private sealed class PinnedBuffer(CudaStream stream)
    {
        private long _bytes;

        public void* Address { get; private set; }

        /// <summary>The event recorded after the last copy from or to the buffer.</summary>
        public nint Copied { get; } = stream.NewEvent();

        /// <summary>Its first bytes.</summary>
        public Span<byte> Span(int bytes) => new(Address, bytes);

        /// <summary>Makes the buffer large enough; its content is lost.</summary>
        public void Reserve(int bytes)
        {
            if (_bytes < bytes) Grow(bytes);
        }

        public void Release()
        {
            lock (stream.Context.Setup)
            {
                if (Address is not null) stream.Context.Check(stream.Api.HostFree(Address), "cuMemFreeHost");
                stream.Context.Check(stream.Api.EventDestroy(Copied), "cuEventDestroy");
            }
            Address = null;
        }

        private void Grow(int bytes)
        {
            nuint capacity = Math.Max(System.Numerics.BitOperations.RoundUpToPowerOf2((nuint)bytes), 4096);
            void* address;
            lock (stream.Context.Setup)
            {
                if (Address is not null) stream.Context.Check(stream.Api.HostFree(Address), "cuMemFreeHost");
                Address = null;
                _bytes = 0;
                stream.Context.Check(stream.Api.HostAllocate(&address, capacity, 0), "cuMemHostAlloc", $"{capacity:N0} bytes");
            }
            Address = address;
            _bytes = (long)capacity;
        }
    }
}
