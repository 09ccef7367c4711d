using System.IO.Compression;
using MiniDL.Serialization;

namespace MiniDL.Data.Files;

/// <summary>Reads files straight out of a .tar.gz archive, without unpacking it to disk.</summary>
internal static class TarGz
{
    /// <summary>What an archive may hold beside the files we know, such as a readme and the tar headers.</summary>
    private const long Allowance = 16 << 20;

    /// <summary>
    /// Goes through the archive and hands every wanted file with its size to <paramref name="read"/>, in the order they lie there;
    /// stops after the last one. Returns the names that are not there.
    /// </summary>
    /// <param name="contentBytes">What the known files hold in all; an archive that unpacks to much more is refused.</param>
    /// <exception cref="InvalidDataException">It is no such archive, is damaged, unpacks to too much, or has a path out of its
    /// folder.</exception>
    public static IReadOnlyCollection<string> Read(string path, IEnumerable<string> wanted, long contentBytes,
        Action<string, Stream, long> read, CancellationToken cancellation)
    {
        var missing = wanted.ToHashSet();
        using var file = InputFile.Open(path);
        if (!IsGzip(file)) throw new InvalidDataException("it is no gzip archive");
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

    /// <summary>Whether a stream that stands at its start begins as gzip does; it is at its start again afterwards.</summary>
    public static bool IsGzip(Stream stream)
    {
        bool gzip = stream.ReadByte() == 0x1f && stream.ReadByte() == 0x8b;
        stream.Position = 0;
        return gzip;
    }

    /// <summary>Nothing is written to these paths, but an archive with such a path was made to do harm.</summary>
    private static void CheckPath(string path)
    {
        string unix = path.Replace('\\', '/');
        bool climbs = unix.StartsWith('/') || $"/{unix}/".Contains("/../", StringComparison.Ordinal)
            || unix.AsSpan()[..Math.Max(0, unix.IndexOf('/'))].EndsWith(":") || unix.EndsWith(':') && !unix.Contains('/');
        if (climbs)
            throw new InvalidDataException($"its entry '{Quote.Text(path)}' climbs out of the folder; get the archive from another place");
    }
}
