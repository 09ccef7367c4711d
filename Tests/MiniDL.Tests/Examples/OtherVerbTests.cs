using System.Text.Json;

namespace MiniDL.Tests.Examples;

public sealed class OtherVerbTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void Bench_prints_a_JSON_line_for_every_norm_and_batch_size()
    {
        Assert.Equal(0, _minidl.Run("bench --model mlp --norms bn,ln --batch-sizes 2,8 --steps 3 --warm-up 0 --quiet"));
        JsonElement[] lines = [.. _minidl.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];
        Assert.Equal(["bn 2", "bn 8", "ln 2", "ln 8"], lines.Select(l => $"{l.GetProperty("norm")} {l.GetProperty("batch")}"));
        Assert.All(lines, line => Assert.Equal(
            ["framework", "model", "norm", "batch", "threads",
                "train_ms", "train_images_per_s", "eval_ms", "eval_images_per_s", "peak_rss_mb"],
            line.EnumerateObject().Select(p => p.Name)));
        foreach (string key in new[] { "train_ms", "train_images_per_s", "eval_ms", "eval_images_per_s", "peak_rss_mb" })
            Assert.All(lines, line => Assert.True(line.GetProperty(key).GetDouble() > 0));
    }

    [Fact]
    public void Data_lists_what_there_is_and_describes_a_dataset_with_a_contact_sheet()
    {
        Assert.Equal(0, _minidl.Run(["data", "--data-dir", _minidl.Folder("no such")]));
        Assert.Contains($"data DATASET --data-dir '{_minidl.Folder("no such")}' describes one", _minidl.Output, StringComparison.Ordinal);
        foreach (string name in MiniDL.Data.Datasets.Names) Assert.Contains(name, _minidl.Output, StringComparison.Ordinal);

        Assert.Equal(0, _minidl.Run("data synthetic --out @d"));
        Assert.Contains("4,000", _minidl.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_minidl.Folder("d/checkpoint")));
        Assert.True(new FileInfo(_minidl.Folder("d/synthetic.png")).Length > 50_000);
    }
}
