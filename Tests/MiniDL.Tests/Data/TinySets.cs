using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using MiniDL.Data;
using MiniDL.Data.Files;

namespace MiniDL.Tests.Data;

/// <summary>The published formats with ten images a file, and the means to write them, right and wrong.</summary>
internal static class TinySets
{
    public const int Images = 10;

    public static ImageSet Cifar { get; } = Cifar10.Set with { Files = Small(Cifar10.Set), Mirrors = [] };
    public static ImageSet CifarWithCoarseLabels { get; } = Cifar100.Set with { Files = Small(Cifar100.Set), Mirrors = [] };
    public static ImageSet Digits { get; } = Mnist.Set with { Files = Small(Mnist.Set), Mirrors = [] };

    /// <summary>The same set, published as these bytes.</summary>
    public static ImageSet PublishedAs(this ImageSet set, byte[] archive) =>
        set with { Remote = [new RemoteFile(set.Remote[0].Name, archive.Length, Convert.ToHexStringLower(SHA256.HashData(archive)))] };

    /// <summary>What a file of the set holds: image i of the file has label i (mod the classes) and pixels that count up from i.</summary>
    public static byte[] Content(ImageSet set, DataFile file)
    {
        var bytes = new List<byte>();
        if (file.Encoding != FileEncoding.CifarRecords)
        {
            bool images = file.Encoding == FileEncoding.IdxImages;
            foreach (int number in images ? new[] { 0x803, file.Images, 28, 28 } : [0x801, file.Images])
            {
                byte[] word = new byte[4];
                BinaryPrimitives.WriteInt32BigEndian(word, number);
                bytes.AddRange(word);
            }
        }
        for (int i = 0; i < file.Images; i++)
        {
            if (file.Encoding == FileEncoding.CifarRecords && set.LabelBytes == 2) bytes.Add(19);
            if (file.Encoding != FileEncoding.IdxImages) bytes.Add((byte)((file.First + i) % set.Classes()));
            if (file.Encoding == FileEncoding.IdxLabels) continue;
            for (int pixel = 0; pixel < set.InputShape.Count; pixel++) bytes.Add((byte)(file.First + i + pixel));
        }
        return [.. bytes];
    }

    public static void WriteFolder(ImageSet set, string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var file in set.Files) File.WriteAllBytes(Path.Combine(folder, file.Name), Content(set, file));
    }

    public static byte[] Archive(ImageSet set, string folder = "cifar-10-batches-bin/", bool reverse = false) =>
        TarGz((reverse ? set.Files.Reverse() : set.Files).Select(file => (folder + file.Name, Content(set, file))));

    public static byte[] TarGz(IEnumerable<(string Path, byte[] Content)> entries)
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true))
        using (var tar = new TarWriter(gzip))
            foreach (var (path, content) in entries)
                tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(content) });
        return bytes.ToArray();
    }

    public static byte[] Gzip(byte[] content)
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(content);
        return bytes.ToArray();
    }

    private static int Classes(this ImageSet set) => set.ClassNames.Count;

    private static DataFile[] Small(ImageSet set) => set.Files
        .Select(file => file with { First = file.First / file.Images * Images, Images = Images }).ToArray();
}

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("minidl-data-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public string Write(string name, byte[] content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[name])!);
        File.WriteAllBytes(this[name], content);
        return this[name];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
