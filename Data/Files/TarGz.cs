using System.Formats.Tar;
using System.IO.Compression;

namespace MiniDL.Data.Files;

/// <summary>Reads files straight out of a .tar.gz archive, without unpacking it to disk.</summary>
internal static class TarGz
{
    /// <summary>What an archive may hold beside the files we know, such as a readme and the tar headers.</summary>
    private const long Allowance = 16 << 20;

    /// <summary>
    /// Goes through the archive and hands every wanted file to <paramref name="read"/>, in the order they lie there; stops after
    /// the last one. Returns the names that are not there.
    /// </summary>
    /// <param name="contentBytes">What the known files hold in all; an archive that unpacks to much more is refused.</param>
    /// <exception cref="InvalidDataException">It is no such archive, is damaged, unpacks to too much, or has a path out of its
    /// folder.</exception>
    public static IReadOnlyCollection<string> Read(string path, IEnumerable<string> wanted, long contentBytes,
        Action<string, Stream> read, CancellationToken cancellation)
    {
        var missing = wanted.ToHashSet();
        using var file = File.OpenRead(path);
        if (!IsGzip(file)) throw new InvalidDataException("it is no gzip archive");
        using var unpacked = new LimitedStream(new GZipStream(file, CompressionMode.Decompress), contentBytes + Allowance, cancellation);
        using var tar = new TarReader(unpacked);
        while (missing.Count > 0 && tar.GetNextEntry() is { } entry)
        {
            CheckPath(entry.Name);
            string name = entry.Name[(entry.Name.LastIndexOf('/') + 1)..];
            if (entry.DataStream is { } data && missing.Remove(name)) read(name, data);
        }
        return missing;
    }

    /// <summary>Whether a stream that stands at its start begins as gzip does; it is at its start again afterwards.</summary>
    public static bool IsGzip(FileStream stream)
    {
        bool gzip = stream.ReadByte() == 0x1f && stream.ReadByte() == 0x8b;
        stream.Position = 0;
        return gzip;
    }

    /// <summary>Nothing is written to these paths, but an archive with such a path was made to do harm.</summary>
    private static void CheckPath(string path)
    {
        string[] parts = path.Split('/', '\\');
        if (parts.Contains("..") || path.StartsWith('/') || path.StartsWith('\\') || parts[0].EndsWith(':'))
            throw new InvalidDataException($"its entry '{path}' climbs out of the folder; get the archive from another place");
    }
}

/// <summary>A stream that may be read up to a limit, and until it is cancelled.</summary>
internal sealed class LimitedStream(Stream inner, long limit, CancellationToken cancellation) : Stream
{
    private long _position;

    public override int Read(Span<byte> buffer)
    {
        cancellation.ThrowIfCancellationRequested();
        int count = inner.Read(buffer);
        _position += count;
        if (_position > limit) throw new InvalidDataException($"it unpacks to more than {limit >> 20} MB, which is no official archive");
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => _position; set => throw new NotSupportedException(); }
    public override void Flush() { }
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) inner.Dispose();
        base.Dispose(disposing);
    }
}
