using MiniDL.Data;
using MiniDL.Data.Files;

namespace MiniDL.Tests.Data;

public sealed class DownloadTests : IDisposable
{
    private const string Name = "cifar-10-binary.tar.gz";

    private static readonly byte[] Archive = TinySets.Archive(TinySets.Cifar);
    private static readonly ImageSet Set = TinySets.Cifar.PublishedAs(Archive);

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private DataSplit Load(IReadOnlyList<string> mirrors, IProgress<DataProgress>? progress = null,
        CancellationToken cancellation = default) =>
        ImageFiles.Load(Set, new DatasetOptions
        {
            DataDirectory = _folder["new"],
            Download = true,
            Mirrors = mirrors,
            Progress = progress,
        }, cancellation);

    private bool PartIsThere => File.Exists(_folder[$"new/{Name}.part"]);

    [Fact]
    public void A_missing_archive_is_fetched_once_and_verified()
    {
        using var server = new LocalServer((_, from) => LocalServer.Send(Archive, from));
        var seen = new Seen();
        var (train, test, source) = Load([server.Address + "/files/"], seen);
        Assert.Equal((50, 10), (train.Count, test.Count));
        Assert.Equal(_folder[$"new/{Name}"], source);
        Assert.Equal(Archive, File.ReadAllBytes(source));
        Assert.Equal(new DataProgress($"download {Name}", Archive.Length, Archive.Length), seen.Last);
        Assert.Equal([($"/files/{Name}", null)], server.Requests);
        Assert.False(PartIsThere);
        Load([server.Address]);
        Assert.Single(server.Requests);
    }

    [Fact]
    public void Single_files_are_fetched_into_a_folder_of_the_dataset()
    {
        var contents = TinySets.Digits.Files.ToDictionary(
            file => $"/{file.Name}.gz", file => TinySets.Gzip(TinySets.Content(TinySets.Digits, file)));
        var digits = TinySets.Digits with
        {
            Remote = contents.Select(file => TinySets.Digits.PublishedAs(file.Value).Remote[0] with { Name = file.Key[1..] }).ToArray(),
        };
        using var server = new LocalServer((path, from) => LocalServer.Send(contents[path], from));
        var options = new DatasetOptions { DataDirectory = _folder.Path, Download = true, Mirrors = [server.Address] };
        var (train, _, source) = ImageFiles.Load(digits, options, default);
        Assert.Equal(10, train.Count);
        Assert.Equal(_folder["mnist"], source);
        Assert.Equal(4, server.Requests.Count);
    }

    [Fact]
    public void What_was_fetched_before_is_continued()
    {
        _folder.Write($"new/{Name}.part", Archive[..1_000]);
        using var server = new LocalServer((_, from) => LocalServer.Send(Archive, from));
        Load([server.Address]);
        Assert.Equal([($"/{Name}", 1_000L)], server.Requests);
        Assert.Equal(Archive, File.ReadAllBytes(_folder[$"new/{Name}"]));
    }

    [Fact]
    public void A_server_that_cannot_continue_sends_everything_again()
    {
        _folder.Write($"new/{Name}.part", Archive[..1_000]);
        using var server = new LocalServer((_, from) => LocalServer.Send(Archive, from, ranges: false));
        Assert.Equal(50, Load([server.Address]).Train.Count);
    }

    [Fact]
    public void A_bad_beginning_is_fetched_anew()
    {
        _folder.Write($"new/{Name}.part", new byte[1_000]);
        using var server = new LocalServer((_, from) => LocalServer.Send(Archive, from));
        Assert.Equal(50, Load([server.Address]).Train.Count);
        Assert.Equal([1_000L, null], server.Requests.Select(request => request.From));
    }

    [Fact]
    public void A_connection_that_breaks_is_continued_at_the_next_mirror()
    {
        using var broken = new LocalServer((_, _) => new Answer(200, Archive[..700], Promised: Archive.Length));
        using var whole = new LocalServer((_, from) => LocalServer.Send(Archive, from));
        Assert.Equal(50, Load([broken.Address, whole.Address]).Train.Count);
        Assert.Equal([($"/{Name}", 700L)], whole.Requests);
    }

    [Fact]
    public void Mirrors_without_the_right_file_are_passed_over()
    {
        byte[] wrong = [.. Archive];
        wrong[^1] ^= 1;
        using var missing = new LocalServer((_, _) => new Answer(404, []));
        using var page = new LocalServer((_, _) => new Answer(200, "<html>Please log in</html>"u8.ToArray()));
        using var changed = new LocalServer((_, from) => LocalServer.Send(wrong, from));
        using var right = new LocalServer((_, from) => LocalServer.Send(Archive, from));
        Assert.Equal(50, Load([missing.Address, page.Address, changed.Address, right.Address]).Train.Count);
        Assert.Equal(Archive, File.ReadAllBytes(_folder[$"new/{Name}"]));
    }

    [Fact]
    public void Without_the_right_file_anywhere_the_error_says_why_and_leaves_nothing()
    {
        byte[] wrong = [.. Archive];
        wrong[0] ^= 1;
        using var missing = new LocalServer((_, _) => new Answer(404, []));
        using var page = new LocalServer((_, _) => new Answer(200, new byte[26]));
        using var changed = new LocalServer((_, from) => LocalServer.Send(wrong, from));
        string message = Assert.Throws<MiniDLException>(() => Load(["no address", missing.Address, page.Address, changed.Address])).Message;
        Assert.DoesNotContain('\n', message);
        foreach (string part in new[] { "404", $"offers 26 bytes, the official file has {Archive.Length}", "checksum",
            missing.Address, Name })
            Assert.Contains(part, message);
        Assert.Empty(Directory.GetFiles(_folder["new"]));
    }

    [Fact]
    public void A_cancelled_download_keeps_what_has_arrived()
    {
        using var stop = new CancellationTokenSource();
        using var server = new LocalServer((_, _) =>
        {
            stop.CancelAfter(100);
            return new Answer(200, Archive[..700], Promised: Archive.Length);
        });
        using var slow = new LocalServer((_, _) =>
        {
            stop.Token.WaitHandle.WaitOne();
            return new Answer(404, []);
        });
        Assert.ThrowsAny<OperationCanceledException>(() => Load([server.Address, slow.Address], cancellation: stop.Token));
        Assert.Equal(700, new FileInfo(_folder[$"new/{Name}.part"]).Length);
        Assert.False(File.Exists(_folder[$"new/{Name}"]));
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_an_error_of_one_line()
    {
        _folder.Write("new", [1]);
        string message = Assert.Throws<MiniDLException>(() => ImageFiles.Load(
            Set, new DatasetOptions { DataDirectory = _folder["new/deeper"], Download = true }, default)).Message;
        Assert.Contains("cannot be written", message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Nothing_is_fetched_unless_it_is_allowed()
    {
        using var server = new LocalServer((_, from) => LocalServer.Send(Archive, from));
        var options = new DatasetOptions { DataDirectory = _folder.Path, Mirrors = [server.Address] };
        Assert.Throws<MissingDataException>(() => ImageFiles.Load(Set, options, default));
        Assert.Empty(server.Requests);
    }

    private sealed class Seen : IProgress<DataProgress>
    {
        public DataProgress Last { get; private set; }

        public void Report(DataProgress value) => Last = value;
    }
}
