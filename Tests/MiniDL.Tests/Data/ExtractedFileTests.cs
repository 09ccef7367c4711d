using System.Diagnostics;
using System.Security.Cryptography;
using MiniDL.Data;
using MiniDL.Data.Files;

namespace MiniDL.Tests.Data;

/// <summary>Files that were unpacked or named by the user: their sizes, checksums, and what is advised to be done about them.</summary>
public sealed class ExtractedFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private DataSplit Load(ImageSet set, string? directory = null) =>
        ImageFiles.Load(set, new DatasetOptions { DataDirectory = directory ?? _folder.Path }, default);

    private string ErrorOf(ImageSet set, string? directory = null) => OutsideInput.ErrorOf(() => Load(set, directory));

    [Theory]
    [InlineData(0), InlineData(1), InlineData(100), InlineData(30_729_999)]
    public void A_file_of_another_size_is_refused_before_memory_is_taken(int size)
    {
        foreach (var file in Cifar10.Set.Files)
        {
            using var stream = File.Create(_folder[file.Name]);
            stream.SetLength(file.Name == "data_batch_3.bin" ? size : 0);
        }
        var set = Cifar10.Set with { Files = [Cifar10.Set.Files[2] with { First = 0 }, Cifar10.Set.Files[5]] };
        OutsideInput.AssertMemory(0, () => Load(set));
        Assert.Contains($"data_batch_3.bin is truncated: it has {size} bytes, expected 30730000 for 10000 images.", ErrorOf(set));
    }

    [Fact]
    public void A_compressed_file_takes_memory_for_what_is_in_it()
    {
        byte[] content = TinySets.Content(Mnist.Set with { Files = [] }, Mnist.Set.Files[0] with { Images = 100 });
        foreach (var file in Mnist.Set.Files) _folder.Write(file.Name, TinySets.Gzip(content));
        OutsideInput.AssertMemory(content.Length, () => Load(Mnist.Set));
        Assert.Contains($"it has {content.Length} bytes, expected 47040016", ErrorOf(Mnist.Set));
    }

    [Fact]
    public void The_checksum_of_an_unpacked_file_is_a_remark_where_it_is_not_the_published_one()
    {
        TinySets.WriteFolder(TinySets.Digits, _folder.Path);
        Assert.Contains("train-images-idx3-ubyte is not the official file: its SHA-256 is", Load(TinySets.Digits).Source);
        var published = TinySets.Digits with
        {
            Files = [.. TinySets.Digits.Files.Select(file => file with { Sha256 = Sha256(TinySets.Content(TinySets.Digits, file)) })],
        };
        Assert.Equal(_folder.Path, Load(published).Source);
        // Compressed by somebody else, the content is still the published one.
        foreach (var file in published.Files)
        {
            File.Delete(_folder[file.Name]);
            _folder.Write(file.Name + ".gz", TinySets.Gzip(TinySets.Content(published, file)));
        }
        Assert.Equal(_folder.Path, Load(published).Source);
    }

    [Fact]
    public void Every_file_has_a_checksum_of_its_own()
    {
        string?[] all = [.. Datasets.Published.SelectMany(set => set.Checksums).Where(sum => sum is not null)];
        // Packed files and unpacked ones; the parts of an archive are checked with it.
        Assert.Equal(Datasets.Published.Sum(set => set.Remote.Count + (set.Archive is null ? set.Files.Count : 0)), all.Length);
        Assert.Equal(all.Length, all.Distinct().Count());
        Assert.All(all, sum => Assert.Matches("^[0-9a-f]{64}$", sum));
    }

    [Fact]
    public void The_users_own_file_is_never_advised_to_be_deleted()
    {
        byte[] good = TinySets.Archive(TinySets.Cifar);
        foreach (byte[] bad in new[] { "my thesis"u8.ToArray(), [], good[..(good.Length / 2)], TinySets.Gzip("my thesis"u8.ToArray()),
            TinySets.TarGz([("data_batch_1.bin", [1, 2, 3])]), TinySets.TarGz([("x/readme", [1])]) })
        {
            foreach (string name in new[] { "thesis.docx", "cifar-10-binary.tar.gz" })
            {
                string path = _folder.Write(name, bad);
                string message = ErrorOf(TinySets.Cifar, path);
                Assert.Contains(path, message);
                Assert.DoesNotContain("delete", message, StringComparison.OrdinalIgnoreCase);
                Assert.EndsWith("Name another file or folder with --data-dir (DataDirectory).", message);
            }
            Assert.EndsWith("Delete it and download it again.", ErrorOf(TinySets.Cifar));
        }
        string images = _folder.Write("train-images-idx3-ubyte", [1]);
        Assert.Contains("is a file, and this dataset is published as several", ErrorOf(TinySets.Digits, images));
    }

    [Fact]
    public void An_unpacked_file_is_to_be_unpacked_again()
    {
        TinySets.WriteFolder(TinySets.Cifar, _folder.Path);
        _folder.Write("test_batch.bin", [1]);
        string message = ErrorOf(TinySets.Cifar);
        Assert.Contains("Unpack it again from cifar-10-binary.tar.gz", message);
        TinySets.WriteFolder(TinySets.Digits, _folder["mnist"]);
        _folder.Write("mnist/t10k-labels-idx1-ubyte", [1]);
        Assert.Contains("Unpack it again from t10k-labels-idx1-ubyte.gz", ErrorOf(TinySets.Digits));
    }

    [Fact]
    public void Devices_and_pipes_in_the_place_of_files_are_empty()
    {
        if (OperatingSystem.IsWindows()) return;
        string zero = _folder["zero"];
        File.CreateSymbolicLink(zero, "/dev/zero");
        Assert.Contains("it is not a gzip archive", ErrorOf(TinySets.Cifar, zero));
        string pipe = _folder["pipe"];
        using (var mkfifo = Process.Start("mkfifo", pipe)) mkfifo.WaitForExit();
        Assert.Contains("it is not a gzip archive", ErrorOf(TinySets.Cifar, pipe));
        TinySets.WriteFolder(TinySets.Cifar, _folder.Path);
        File.Delete(_folder["test_batch.bin"]);
        File.Move(pipe, _folder["test_batch.bin"]);
        Assert.Contains("test_batch.bin is truncated: it has 0 bytes", ErrorOf(TinySets.Cifar));
    }

    private static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));
}
