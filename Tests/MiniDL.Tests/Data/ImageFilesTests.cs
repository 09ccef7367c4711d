using MiniDL.Data;
using MiniDL.Data.Files;

namespace MiniDL.Tests.Data;

public sealed class ImageFilesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private DataSplit Load(ImageSet set, int? train = null, int? test = null) => ImageFiles.Load(
        set, new DatasetOptions { DataDirectory = _folder.Path, TrainImages = train, TestImages = test }, CancellationToken.None);

    private string ErrorOf(ImageSet set)
    {
        string message = Assert.ThrowsAny<MiniDLException>(() => Load(set)).Message;
        Assert.StartsWith($"[data] {set.Name}: ", message);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    public static TheoryData<string> Layouts => ["cifar-10-batches-bin", ".", "archive", "archive in another order"];

    [Theory, MemberData(nameof(Layouts))]
    public void Cifar_10_is_found_in_every_layout(string layout)
    {
        if (layout.StartsWith("archive"))
            _folder.Write("cifar-10-binary.tar.gz", TinySets.Archive(TinySets.Cifar, reverse: layout != "archive"));
        else TinySets.WriteFolder(TinySets.Cifar, _folder[layout]);
        var (train, test) = Load(TinySets.Cifar);
        Assert.Equal((50, 10), (train.Count, test.Count));
        for (int i = 0; i < train.Count; i++)
        {
            Assert.Equal(i % 10, train.Label(i));
            Assert.Equal((byte)(i + 3071), ((ImageDataset)train).Pixels(i)[3071]);
        }
    }

    [Fact]
    public void Cifar_100_uses_the_fine_label()
    {
        Assert.Equal(100, Cifar100.Set.ClassNames.Distinct().Count());
        Assert.Equal(Cifar100.Set.ClassNames.Order(StringComparer.Ordinal), Cifar100.Set.ClassNames);
        _folder.Write("cifar-100-binary.tar.gz", TinySets.Archive(TinySets.CifarWithCoarseLabels, "cifar-100-binary/"));
        var (train, test) = Load(TinySets.CifarWithCoarseLabels);
        Assert.Equal((10, 10), (train.Count, test.Count));
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], Enumerable.Range(0, 10).Select(train.Label));
        Assert.Equal(7, ((ImageDataset)train).Pixels(7)[0]);
    }

    [Theory]
    [InlineData("mnist/", "", false), InlineData("", ".gz", true), InlineData("MNIST/raw/", "", true)]
    public void Idx_files_are_found_plain_and_compressed(string folder, string ending, bool compressed)
    {
        foreach (var file in TinySets.Digits.Files)
        {
            byte[] content = TinySets.Content(TinySets.Digits, file);
            _folder.Write(folder + file.Name + ending, compressed ? TinySets.Gzip(content) : content);
        }
        var (train, test) = Load(TinySets.Digits);
        Assert.False(train.MirrorKeepsClass);
        Assert.False(train.Take(3).MirrorKeepsClass);
        Assert.True(FashionMnist.Set.MirrorKeepsClass);
        Assert.Equal<Shape>([1, 28, 28], train.InputShape);
        Assert.Equal((10, 10), (train.Count, test.Count));
        Assert.Equal(4, test.Label(4));
        Assert.Equal((4 + 783) % 256, (int)((ImageDataset)test).Pixels(4)[783]);
    }

    [Fact]
    public void An_archive_that_is_no_gzip_file_is_called_that()
    {
        _folder.Write("cifar-10-binary.tar.gz", "<html>not found</html>"u8.ToArray());
        Assert.Contains("it is not a gzip archive. Delete it and download it again.", ErrorOf(TinySets.Cifar));
    }

    [Fact]
    public void Only_the_files_with_the_wanted_images_are_needed()
    {
        TinySets.WriteFolder(TinySets.Cifar, _folder.Path);
        for (int i = 3; i <= 5; i++) File.Delete(_folder[$"data_batch_{i}.bin"]);
        Assert.Equal(15, Load(TinySets.Cifar, train: 15).Train.Count);
        Assert.Contains("data_batch_3.bin", Assert.Throws<MissingDataException>(() => Load(TinySets.Cifar, train: 21)).Message);
        Assert.Contains("it has 50", Assert.Throws<MiniDLException>(() => Load(TinySets.Cifar, train: 51)).Message);
        Assert.Contains("0 test images", Assert.Throws<MiniDLException>(() => Load(TinySets.Cifar, test: 0)).Message);
    }

    [Fact]
    public void A_checksum_that_is_not_official_is_a_remark_in_the_source()
    {
        byte[] archive = TinySets.Archive(TinySets.Cifar);
        string path = _folder.Write("cifar-10-binary.tar.gz", archive);
        Assert.Equal(path, Load(TinySets.Cifar.PublishedAs(archive)).Source);
        Assert.Contains("is not the official file", Load(TinySets.Cifar).Source);
    }

    [Fact]
    public void What_is_missing_is_named_with_where_it_was_looked_for_and_the_remedy()
    {
        string message = ErrorOf(TinySets.Cifar);
        foreach (string part in new[] { "data_batch_1.bin", "test_batch.bin", _folder.Path, "cifar-10-binary.tar.gz",
            "--data-dir", "--download" })
            Assert.Contains(part, message);
        TinySets.WriteFolder(TinySets.Cifar, _folder["cifar-10-batches-bin"]);
        File.Delete(_folder["cifar-10-batches-bin/test_batch.bin"]);
        message = ErrorOf(TinySets.Cifar);
        Assert.Contains($"test_batch.bin not found in {_folder["cifar-10-batches-bin"]}", message);
        Assert.DoesNotContain("data_batch_1.bin", message);
    }

    [Theory]
    [InlineData(-1, "truncated"), InlineData(-3073, "truncated"), InlineData(-30730, "truncated")]
    [InlineData(1, "too large"), InlineData(3073, "too large")]
    public void A_file_of_the_wrong_size_is_refused(int difference, string complaint)
    {
        TinySets.WriteFolder(TinySets.Cifar, _folder.Path);
        string path = _folder["data_batch_2.bin"];
        byte[] content = File.ReadAllBytes(path);
        Array.Resize(ref content, content.Length + difference);
        File.WriteAllBytes(path, content);
        string message = ErrorOf(TinySets.Cifar);
        Assert.Contains(complaint, message);
        Assert.Contains(path, message);
    }

    [Theory]
    [InlineData("data_batch_1.bin", 3073 * 4, 10, "image 4 has label 10, expected 0 to 9")]
    [InlineData("test_batch.bin", 0, 255, "image 0 has label 255, expected 0 to 9")]
    public void A_label_out_of_range_is_refused(string name, int position, byte value, string complaint)
    {
        TinySets.WriteFolder(TinySets.Cifar, _folder.Path);
        byte[] content = File.ReadAllBytes(_folder[name]);
        content[position] = value;
        File.WriteAllBytes(_folder[name], content);
        Assert.Contains(complaint, ErrorOf(TinySets.Cifar));
    }

    [Theory]
    [InlineData("train-images-idx3-ubyte", 3, 1, "starts with 0x00000801, expected the magic number 0x00000803")]
    [InlineData("train-labels-idx1-ubyte", 2, 9, "starts with 0x00000901, expected the magic number 0x00000801")]
    [InlineData("train-images-idx3-ubyte", 7, 11, "announces [11, 28, 28] values, expected [10, 28, 28]")]
    [InlineData("t10k-images-idx3-ubyte", 8, 255, "announces [10, 4278190108, 28] values")]
    [InlineData("t10k-labels-idx1-ubyte", 8, 10, "image 0 has label 10")]
    public void An_idx_file_with_a_wrong_header_or_label_is_refused(string name, int position, byte value, string complaint)
    {
        TinySets.WriteFolder(TinySets.Digits, _folder.Path);
        byte[] content = File.ReadAllBytes(_folder[name]);
        content[position] = value;
        File.WriteAllBytes(_folder[name], content);
        Assert.Contains(complaint, ErrorOf(TinySets.Digits));
    }

    [Theory]
    [InlineData("../data_batch_1.bin"), InlineData("/etc/passwd"), InlineData("a/../../b"), InlineData("C:\\data"), InlineData("a\\..\\b")]
    public void An_archive_with_a_path_that_climbs_out_is_refused_and_nothing_is_written(string path)
    {
        _folder.Write("deep/cifar-10-binary.tar.gz", TinySets.TarGz([(path, [1, 2, 3])]));
        var options = new DatasetOptions { DataDirectory = _folder["deep"] };
        string message = Assert.Throws<MiniDLException>(() => ImageFiles.Load(TinySets.Cifar, options, default)).Message;
        Assert.Contains("points outside the folder", message);
        Assert.Equal(2, Directory.GetFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public void An_archive_that_unpacks_to_far_too_much_is_refused()
    {
        byte[] bomb = TinySets.TarGz([("cifar-10-batches-bin/readme.html", new byte[40 << 20])]);
        Assert.True(bomb.Length < 1 << 20);
        _folder.Write("cifar-10-binary.tar.gz", bomb);
        Assert.Contains("unpacks to more than", ErrorOf(TinySets.Cifar));
    }

    [Fact]
    public void An_archive_without_a_needed_file_is_refused()
    {
        _folder.Write("cifar-10-binary.tar.gz", TinySets.TarGz(
            TinySets.Cifar.Files.Skip(1).Select(file => (file.Name, TinySets.Content(TinySets.Cifar, file)))));
        Assert.Contains("has no data_batch_1.bin", ErrorOf(TinySets.Cifar));
    }

    [Fact]
    public void A_file_of_the_wrong_size_in_an_archive_is_refused()
    {
        _folder.Write("cifar-10-binary.tar.gz", TinySets.TarGz([("data_batch_1.bin", new byte[100])]));
        Assert.Contains("data_batch_1.bin is truncated", ErrorOf(TinySets.Cifar));
        _folder.Write("cifar-10-binary.tar.gz", TinySets.TarGz([("data_batch_1.bin", new byte[40_000])]));
        Assert.Contains("data_batch_1.bin is too large", ErrorOf(TinySets.Cifar));
    }

    [Theory]
    [InlineData(0), InlineData(0.001), InlineData(0.01), InlineData(0.3), InlineData(0.6), InlineData(0.95)]
    public void A_truncated_archive_is_refused(double part)
    {
        byte[] archive = TinySets.Archive(TinySets.Cifar);
        _folder.Write("cifar-10-binary.tar.gz", archive[..(int)(archive.Length * part)]);
        Assert.Contains("download", ErrorOf(TinySets.Cifar));
    }

    [Fact]
    public void Noise_in_an_archive_gives_an_error_of_one_line_or_the_images()
    {
        byte[] good = Unzipped(TinySets.Archive(TinySets.Cifar));
        var random = new RandomStream(11);
        for (int trial = 0; trial < 150; trial++)
        {
            byte[] bad = [.. good];
            int start = random.NextInt(2) * 512 * random.NextInt(3);
            for (int i = 0; i < 1 + random.NextInt(20); i++) bad[start + random.NextInt(512)] = (byte)random.NextUInt();
            _folder.Write("cifar-10-binary.tar.gz", trial % 5 == 0 ? bad : TinySets.Gzip(bad));
            try
            {
                Assert.Equal(50, Load(TinySets.Cifar).Train.Count);
            }
            catch (MiniDLException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }

        static byte[] Unzipped(byte[] archive)
        {
            using var bytes = new MemoryStream();
            using var gzip = new System.IO.Compression.GZipStream(new MemoryStream(archive),
                System.IO.Compression.CompressionMode.Decompress);
            gzip.CopyTo(bytes);
            return bytes.ToArray();
        }
    }

    [Fact]
    public void Something_else_under_the_name_of_the_archive_is_refused()
    {
        _folder.Write("cifar-10-binary.tar.gz", "<html>Not found</html>"u8.ToArray());
        Assert.Contains("cannot be unpacked", ErrorOf(TinySets.Cifar));
        _folder.Write("cifar-10-binary.tar.gz", TinySets.Gzip("<html>Not found</html>"u8.ToArray()));
        ErrorOf(TinySets.Cifar);
        _folder.Write("cifar-10-binary.tar.gz", TinySets.Gzip(new byte[100_000]));
        Assert.Contains("has no data_batch_1.bin", ErrorOf(TinySets.Cifar));
    }

    [Fact]
    public void Reading_can_be_cancelled()
    {
        _folder.Write("cifar-10-binary.tar.gz", TinySets.Archive(TinySets.Cifar));
        var options = new DatasetOptions { DataDirectory = _folder.Path };
        Assert.Throws<OperationCanceledException>(() => ImageFiles.Load(TinySets.Cifar, options, new CancellationToken(true)));
    }

    [Fact]
    public void An_unknown_dataset_lists_the_known_ones()
    {
        string message = Assert.Throws<MiniDLException>(() => Datasets.Load("cifar")).Message;
        Assert.Contains("synthetic, cifar10, cifar100, mnist, fashion-mnist", message);
    }
}
