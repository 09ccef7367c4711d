using System.IO.Compression;
using System.Security.Cryptography;

namespace MiniDL.Data.Files;

/// <summary>Finds the files of a published dataset, in a folder, an archive or on the network, and reads the wanted images.</summary>
internal static class ImageFiles
{
    /// <summary>Reads a dataset.</summary>
    /// <exception cref="MiniDLException">Files are missing, damaged or not what they should be, or could not be fetched.</exception>
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

    /// <summary>Reads from the folder or the archive that has every needed file; null if there is none.</summary>
    private static string? Read(ImageSet set, ImageReader reader, string directory, CancellationToken cancellation)
    {
        foreach (string folder in set.Folders.Select(folder => Full(directory, folder)))
            if (reader.Needed.All(file => Find(folder, file) is not null)) return ReadFolder(set, reader, folder, cancellation);
        string? archive = ArchivePath(set, directory);
        return File.Exists(archive) ? ReadArchive(set, reader, archive, cancellation) : null;
    }

    private static string ReadFolder(ImageSet set, ImageReader reader, string folder, CancellationToken cancellation)
    {
        string source = folder;
        foreach (var file in reader.Needed)
        {
            cancellation.ThrowIfCancellationRequested();
            string path = Find(folder, file)!;
            Guarded(set, path, () =>
            {
                if (set.Remote.FirstOrDefault(remote => remote.Name == Path.GetFileName(path)) is { } official)
                    source += Remark(set, path, official);
                using var stream = OpenPlainOrGzip(path);
                reader.Read(file, stream, path);
            });
        }
        return source;
    }

    private static string ReadArchive(ImageSet set, ImageReader reader, string path, CancellationToken cancellation)
    {
        var needed = reader.Needed.ToDictionary(file => file.Name);
        IReadOnlyCollection<string> missing = [];
        string remark = "";
        Guarded(set, path, () =>
        {
            missing = TarGz.Read(path, needed.Keys, set.Files.Sum(set.Bytes),
                (name, stream) => reader.Read(needed[name], stream, $"{path}: {name}"), cancellation);
            remark = Remark(set, path, set.Archive!);
        });
        return missing.Count == 0
            ? path + remark
            : throw set.Error($"{path} has no {string.Join(", ", missing)}. Delete it and download {set.Archive!.Name} again.");
    }

    /// <summary>What to say of a file whose checksum is not the official one; a file of another dataset is refused.</summary>
    private static string Remark(ImageSet set, string path, RemoteFile official)
    {
        using var stream = File.OpenRead(path);
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(stream));
        if (sha256 == official.Sha256) return "";
        if (Datasets.Published.FirstOrDefault(other => other.Remote.Any(file => file.Sha256 == sha256)) is { } owner)
            throw set.Error($"{path} is a file of {owner.Name}. Put each dataset into a folder of its own.");
        return $" ({official.Name} is not the official file: its SHA-256 is {sha256[..16]}…, not {official.Sha256[..16]}…)";
    }

    private static void Download(ImageSet set, DatasetOptions options, CancellationToken cancellation)
    {
        string folder = set.Archive is null ? Full(options.DataDirectory, set.Folders[0]) : Full(options.DataDirectory, ".");
        foreach (var file in set.Remote)
            if (!File.Exists(Path.Combine(folder, file.Name)))
                Files.Download.Fetch(set, file, folder, [.. options.Mirrors, .. set.Mirrors], options.Progress, cancellation);
    }

    private static MissingDataException Missing(ImageSet set, ImageReader reader, string directory)
    {
        var folders = set.Folders.Select(folder => Full(directory, folder)).ToArray();
        string nearest = folders.MaxBy(folder => reader.Needed.Count(file => Find(folder, file) is not null))!;
        string missing = string.Join(", ", reader.Needed.Where(file => Find(nearest, file) is null).Select(file => file.Name));
        string archive = ArchivePath(set, directory) is { } path ? $"nor is {path}" : "nor compressed, .gz";
        string others = string.Join(", ", folders.Where(folder => folder != nearest));
        return new MissingDataException($"[data] {set.Name}: {missing} not found in {nearest} (nor in {others}), {archive} there. "
            + "Name the folder with --data-dir (DataDirectory), or allow the download with --download (Download).");
    }

    /// <summary>Where the archive would be; the data folder may also be named by the archive in it.</summary>
    private static string? ArchivePath(ImageSet set, string directory) =>
        set.Archive is null ? null : File.Exists(directory) ? Path.GetFullPath(directory) : Full(directory, set.Archive.Name);

    private static string Full(string directory, string name) => Path.GetFullPath(Path.Combine(directory, name));

    /// <summary>
    /// The file under its own name, compressed, or as some sites name it (train-images.idx3-ubyte); null if it is not there.
    /// </summary>
    private static string? Find(string folder, DataFile file) =>
        new[] { file.Name, file.Name + ".gz", file.Name.Replace("-idx", ".idx") }
            .Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    /// <summary>Opens a file that may be compressed, whatever its name says: none of the formats starts like gzip.</summary>
    private static Stream OpenPlainOrGzip(string path)
    {
        var stream = File.OpenRead(path);
        return TarGz.IsGzip(stream) ? new GZipStream(stream, CompressionMode.Decompress) : stream;
    }

    private static void Guarded(ImageSet set, string path, Action read)
    {
        try
        {
            read();
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException)
        {
            throw set.Error($"{path} cannot be unpacked: {OneLine(e)} Delete it and download it again.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw set.Error($"{path} cannot be read: {OneLine(e)}", e);
        }
    }

    private static string OneLine(Exception e) => e.Message.ReplaceLineEndings(" ").TrimEnd('.') + ".";
}
