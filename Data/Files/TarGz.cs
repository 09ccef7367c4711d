using System.IO.Compression;
using MiniDL.Serialization;

namespace MiniDL.Data.Files;

/// <summary>Reads files straight out of a .tar.gz archive, without unpacking it to disk.</summary>
internal static class TarGz
{
    /// <summary>Bytes that an archive may contain besides the known files: tar headers, a readme and the like.</summary>
    private const long Allowance = 16 << 20;

    /// <summary>
    /// Goes through the archive and passes every wanted file with its size to <paramref name="read"/>, in the archive's order;
    /// stops after the last one. Returns the names that were not found.
    /// </summary>
    /// <param name="contentBytes">The total size of the known files; an archive that unpacks to much more is refused.</param>
    /// <exception cref="InvalidDataException">It is no such archive, is damaged, unpacks to too much, or contains a path that leads
    /// outside its folder.</exception>
    public static IReadOnlyCollection<string> Read(string path, IEnumerable<string> wanted, long contentBytes,
        Action<string, Stream, long> read, CancellationToken cancellation)
    {
        var missing = wanted.ToHashSet();
        using var file = InputFile.Open(path);
        if (!IsGzip(file)) throw new InvalidDataException("it is not a gzip archive");
        using var unpacked = new LimitedStream(new GZipStream(file, CompressionMode.Decompress), contentBytes + Allowance, cancellation);
        var tar = new TarReader(unpacked);
        while (missing.Count > 0 && tar.Next())
        {
            CheckPath(tar.Name);
            string name = tar.Name[(tar.Name.LastIndexOf('/') + 1)..];
            if (tar.IsFile && missing.Remove(name)) read(name, tar.Content, tar.Size);
        }
        return missing;
    }

    /// <summary>Whether a stream at its start begins like gzip; afterwards it is back at its start.</summary>
    public static bool IsGzip(Stream stream)
    {
        bool gzip = stream.ReadByte() == 0x1f && stream.ReadByte() == 0x8b;
        stream.Position = 0;
        return gzip;
    }

    /// <summary>Nothing is ever written to these paths, but an archive with such a path is malicious.</summary>
    private static void CheckPath(string path)
    {
        string unix = path.Replace('\\', '/');
        bool climbs = unix.StartsWith('/') || $"/{unix}/".Contains("/../", StringComparison.Ordinal)
            || unix.AsSpan()[..Math.Max(0, unix.IndexOf('/'))].EndsWith(":") || unix.EndsWith(':') && !unix.Contains('/');
        if (climbs)
            throw new InvalidDataException($"its entry '{Quote.Text(path)}' points outside the folder; get the archive from another source");
    }
}
