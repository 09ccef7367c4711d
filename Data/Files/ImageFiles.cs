using System.IO.Compression;
using System.Security.Cryptography;
using MiniDL.Serialization;

namespace MiniDL.Data.Files;

/// <summary>Finds the files of a published dataset in a folder, in an archive or on the network, and reads the images that are wanted.</summary>
internal static class ImageFiles
{
    private const string RemedyOfOurs = "Delete it and download it again.";
    private const string RemedyOfOthers = "Name another file or folder with --data-dir (DataDirectory).";

    /// <summary>Reads a dataset.</summary>
    /// <exception cref="MiniDLException">Files are missing, damaged, not the expected ones, or could not be fetched.</exception>
    public static DataSplit Load(ImageSet set, DatasetOptions options, CancellationToken cancellation)
    {
        var reader = new ImageReader(set, options.TrainImages, options.TestImages);
        string? source = Read(set, reader, options.DataDirectory, cancellation);
        if (source is null && options.Download)
        {
            Download(set, options, cancellation);
            source = Read(set, reader, options.DataDirectory, cancellation);
        }
        return reader.Finish(source ?? throw Missing(set, reader, options.DataDirectory));
    }

    /// <summary>Reads from the first folder or archive that contains every file needed; null if there is none.</summary>
    private static string? Read(ImageSet set, ImageReader reader, string directory, CancellationToken cancellation)
    {
        foreach (string folder in set.Folders.Select(folder => Full(directory, folder)))
            if (reader.Needed.All(file => Find(folder, file) is not null)) return ReadFolder(set, reader, folder, cancellation);
        string? archive = ArchivePath(set, directory);
        return File.Exists(archive) ? ReadArchive(set, reader, directory, archive, cancellation) : null;
    }

    private static string ReadFolder(ImageSet set, ImageReader reader, string folder, CancellationToken cancellation)
    {
        string source = folder;
        foreach (var file in reader.Needed)
        {
            cancellation.ThrowIfCancellationRequested();
            string path = Find(folder, file)!;
            var place = new FileSource(Quote.Visible(path), RemedyInFolder(set, file, path));
            Guarded(set, place, () =>
            {
                using var stream = InputFile.Open(path);
                // A file may be compressed whatever its name says: no uncompressed file of these formats starts like gzip.
                using var content = TarGz.IsGzip(stream) ? new GZipStream(stream, CompressionMode.Decompress) : stream;
                var bytes = reader.Read(file, content, content == stream ? stream.Length : null, place with { Bytes = stream.Length });
                source += Remark(set, path, bytes, file.Sha256);
            });
        }
        return source;
    }

    private static string ReadArchive(ImageSet set, ImageReader reader, string directory, string path, CancellationToken cancellation)
    {
        var needed = reader.Needed.ToDictionary(file => file.Name);
        var place = new FileSource(Quote.Visible(path), File.Exists(directory) ? RemedyOfOthers : RemedyOfOurs);
        IReadOnlyCollection<string> missing = [];
        string remark = "";
        Guarded(set, place, () =>
        {
            long bytes = Length(path);
            missing = TarGz.Read(path, needed.Keys, set.Files.Sum(set.Bytes), (name, stream, length) =>
                reader.Read(needed[name], stream, length, place with { Name = $"{place.Name}: {name}", Bytes = bytes }), cancellation);
            remark = Remark(set, path, [], null);
        });
        return missing.Count == 0
            ? path + remark
            : throw set.Error($"{place.Name} has no {string.Join(", ", missing)}. {place.Remedy}");
    }

    /// <summary>What to do about a damaged file: only files that can be downloaded again should be deleted.</summary>
    private static string RemedyInFolder(ImageSet set, DataFile file, string path) =>
        IsPublished(set, path) is not null ? RemedyOfOurs
        : Path.GetFileName(path) == file.Name ? $"Unpack it again from {set.Archive?.Name ?? file.Name + ".gz"}, or name another folder with "
            + "--data-dir (DataDirectory)."
        : RemedyOfOthers;

    private static long Length(string path)
    {
        using var stream = InputFile.Open(path);
        return stream.Length;
    }

    private static RemoteFile? IsPublished(ImageSet set, string path) =>
        set.Remote.FirstOrDefault(remote => remote.Name == Path.GetFileName(path));

    /// <summary>
    /// A remark on a file if neither its checksum nor that of its content is the published one; empty if none is published. A file of
    /// another dataset is refused.
    /// </summary>
    private static string Remark(ImageSet set, string path, ReadOnlySpan<byte> content, string? contentSha256)
    {
        string name = Path.GetFileName(path);
        if (IsPublished(set, path) is { } official)
        {
            using var stream = InputFile.Open(path);
            string sha256 = Convert.ToHexStringLower(SHA256.HashData(stream));
            if (sha256 == official.Sha256) return "";
            RefuseFileOfAnother(set, path, sha256);
            if (contentSha256 is null) return NotOfficial(official.Name, sha256, official.Sha256);
        }
        if (contentSha256 is null) return "";
        string ofContent = Convert.ToHexStringLower(SHA256.HashData(content));
        if (ofContent == contentSha256) return "";
        RefuseFileOfAnother(set, path, ofContent);
        return NotOfficial(name, ofContent, contentSha256);
    }

    private static void RefuseFileOfAnother(ImageSet set, string path, string sha256)
    {
        if (Datasets.Published.FirstOrDefault(other => other.Checksums.Contains(sha256)) is { } owner)
            throw set.Error($"{Quote.Visible(path)} is a file of {owner.Name}. Put each dataset into a folder of its own.");
    }

    private static string NotOfficial(string name, string sha256, string official) =>
        $" ({name} is not the official file: its SHA-256 is {sha256[..16]}…, not {official[..16]}…)";

    private static void Download(ImageSet set, DatasetOptions options, CancellationToken cancellation)
    {
        string folder = set.Archive is null ? Full(options.DataDirectory, set.Folders[0]) : Full(options.DataDirectory, ".");
        foreach (var file in set.Remote)
            if (!File.Exists(Path.Combine(folder, file.Name)))
                Files.Download.Fetch(set, file, folder, [.. options.Mirrors, .. set.Mirrors], options.Progress, cancellation);
    }

    private static MissingDataException Missing(ImageSet set, ImageReader reader, string directory)
    {
        const string remedy = "Name the folder with --data-dir (DataDirectory), or allow the download with --download (Download).";
        if (File.Exists(directory))
            return new MissingDataException($"[data] {set.Name}: {Quote.Visible(directory)} is a file, and this dataset is published as several. "
                + remedy);
        var folders = set.Folders.Select(folder => Full(directory, folder)).ToArray();
        string nearest = folders.MaxBy(folder => reader.Needed.Count(file => Find(folder, file) is not null))!;
        string missing = string.Join(", ", reader.Needed.Where(file => Find(nearest, file) is null).Select(file => file.Name));
        string archive = ArchivePath(set, directory) is { } path ? $"nor is {path}" : "nor compressed, .gz";
        string others = string.Join(", ", folders.Where(folder => folder != nearest));
        return new MissingDataException(Quote.Visible(
            $"[data] {set.Name}: {missing} not found in {nearest} (nor in {others}), {archive} there. {remedy}"));
    }

    /// <summary>The path where the archive should be; the data folder may also be given as the path of the archive itself.</summary>
    private static string? ArchivePath(ImageSet set, string directory) =>
        set.Archive is null ? null : File.Exists(directory) ? Path.GetFullPath(directory) : Full(directory, set.Archive.Name);

    private static string Full(string directory, string name) => Path.GetFullPath(Path.Combine(directory, name));

    /// <summary>
    /// The file under its own name, compressed, or under the name that some sites use (train-images.idx3-ubyte); null if it is not there.
    /// </summary>
    private static string? Find(string folder, DataFile file) =>
        new[] { file.Name, file.Name + ".gz", file.Name.Replace("-idx", ".idx") }
            .Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    private static void Guarded(ImageSet set, FileSource place, Action read)
    {
        try
        {
            read();
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw set.Error($"{place.Name} cannot be unpacked: {OneLine(e)} {place.Remedy}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw set.Error($"{place.Name} cannot be read: {OneLine(e)}", e);
        }
    }

    private static string OneLine(Exception e) => Quote.Line(e.Message).TrimEnd('.') + ".";
}
