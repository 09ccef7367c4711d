using MiniDL.Examples.Output;

namespace MiniDL.Tests.Examples;

/// <summary>A folder belongs to one run at a time, and to one kind of run for good.</summary>
public sealed class FolderTests : IDisposable
{
    private const string Small = "--model mlp --train-images 20 --test-images 10 --epochs 2 ";
    private const string Train = $"train {Small} --batch-size 10 ", Compare = $"compare {Small} --norms bn --batch-sizes 10 ";
    private const string Study = "study deep-mlp --smallest ", OtherStudy = "study invariance --smallest ";

    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Theory]
    [InlineData(Train + "--out @f")]
    [InlineData("train --resume @f")]
    [InlineData(Compare + "--out @f")]
    [InlineData(Study + "--out @f")]
    public void A_folder_in_use_is_refused_naming_the_process_and_left_as_it_is(string second)
    {
        Assert.Equal(0, _minidl.Run(Train + "--out @f"));
        string before = Everything("f");
        using (RunFolder.Open(_minidl.Folder("f"), "train"))
        {
            Assert.Equal(1, _minidl.Run(second));
            Assert.Matches($@"^error: {_minidl.Folder("f")} is in use by process {Environment.ProcessId} on \S+ \(train, since .*\n$", _minidl.Error);
        }
        Assert.Equal(before, Everything("f"));
        Assert.Equal(0, _minidl.Run("train --resume @f"));
    }

    [Theory]
    [InlineData(Train, Compare, "a run of train")]
    [InlineData(Train, Study, "a run of train")]
    [InlineData(Compare, Train, "a comparison")]
    [InlineData(Compare, Study, "a comparison")]
    [InlineData(Study, Train, "the results of study deep-mlp")]
    [InlineData(Study, Compare, "the results of study deep-mlp")]
    [InlineData(Study, OtherStudy, "the results of study deep-mlp")]
    public void A_folder_of_another_kind_is_refused_and_left_as_it_is(string first, string second, string what)
    {
        Assert.Equal(0, _minidl.Run(first + "--out @f"));
        string before = Everything("f");
        Assert.Equal(1, _minidl.Run(second + "--out @f"));
        Assert.Matches($"^error: .*holds {what}; choose another --out\\.\n$", _minidl.Error);
        Assert.Equal(before, Everything("f"));
    }

    [Theory]
    [InlineData(Train, "config.json", "{\"name\":\"mine\"}")]
    [InlineData(Compare, "report.html", "<p>mine</p>")]
    [InlineData(Study, "notes.csv", "mine")]
    public void Files_of_other_programs_are_not_overwritten(string command, string file, string content)
    {
        Directory.CreateDirectory(_minidl.Folder("f"));
        File.WriteAllText(_minidl.Folder($"f/{file}"), content);
        Assert.Equal(1, _minidl.Run(command + "--out @f"));
        Assert.Equal(content, _minidl.Read($"f/{file}"));
    }

    [Fact]
    public void A_study_says_that_it_overwrites_its_own_results()
    {
        Assert.Equal(0, _minidl.Run(Study + "--out @f"));
        Assert.DoesNotContain("overwrites", _minidl.Output, StringComparison.Ordinal);
        Assert.Equal(0, _minidl.Run(Study + "--out @f"));
        Assert.Contains("the results of an earlier run in it are overwritten", _minidl.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Train, "epoch   1/2")]
    [InlineData($"compare {Small} --norms bn,ln --batch-sizes 10 --parallel 1 ", "(1/2)")]
    public void A_folder_that_is_taken_away_during_a_run_is_noticed_at_the_next_checkpoint(string command, string line)
    {
        string folder = _minidl.Folder("f");
        Assert.Equal(1, _minidl.RunAndOnce(line, () => Directory.Move(folder, folder + "-gone"), command + "--out @f"));
        Assert.Matches($"^error: {folder} was deleted or replaced during the run, .*\n$", _minidl.Error);
    }

    [Fact]
    public void What_a_killed_program_was_writing_is_removed_when_the_folder_is_opened()
    {
        Assert.Equal(0, _minidl.Run(Train + "--out @f"));
        foreach (string place in new[] { "f/metrics.csv", "f/checkpoint/last.safetensors" })
            File.WriteAllText(_minidl.Folder($"{place}.{Guid.NewGuid():N}.tmp"), "half");
        Assert.Equal(0, _minidl.Run("train --resume @f"));
        Assert.Empty(Directory.GetFiles(_minidl.Folder("f"), "*.tmp", SearchOption.AllDirectories));
    }

    [Fact]
    public void Other_images_under_the_same_name_are_refused()
    {
        Assert.Equal(0, _minidl.Run(Train + "--out @t"));
        Assert.Equal(0, _minidl.Run(Compare + "--out @c"));
        foreach (string name in new[] { "t", "c" })
        {
            string config = _minidl.Read($"{name}/config.json");
            int at = config.IndexOf("data_sha256\": \"", StringComparison.Ordinal) + "data_sha256\": \"".Length;
            File.WriteAllText(_minidl.Folder($"{name}/config.json"), $"{config[..at]}{(config[at] == '0' ? '1' : '0')}{config[(at + 1)..]}");
        }
        Assert.Equal(1, _minidl.Run("train --resume @t"));
        Assert.Contains("are not those that", _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(1, _minidl.Run(Compare + "--out @c"));
        Assert.Contains("are not those that", _minidl.Error, StringComparison.Ordinal);
    }

    /// <summary>The names and contents of all files but the lock.</summary>
    private string Everything(string name) => string.Join('\n', Directory.GetFiles(_minidl.Folder(name), "*", SearchOption.AllDirectories)
        .Where(path => !Path.GetFileName(path).StartsWith(".lock", StringComparison.Ordinal)).Order()
        .Select(path => $"{path} {Convert.ToHexString(File.ReadAllBytes(path))}"));
}
