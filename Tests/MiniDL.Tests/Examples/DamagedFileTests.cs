using MiniDL.Serialization;

namespace MiniDL.Tests.Examples;

public sealed class DamagedFileTests : IDisposable
{
    private const string Train = "train --model mlp --train-images 20 --test-images 10 --epochs 2 --batch-size 10 ";
    private const string Compare = "compare --model mlp --train-images 20 --test-images 10 --epochs 2 --norms bn --batch-sizes 10 ";

    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Theory]
    [InlineData("{}", "lacks 'settings'")]
    [InlineData("null", "line 1, column 1")]
    [InlineData("{\"settings\":null}", "settings are null")]
    [InlineData("{\"settings\":{\"model\":null}}", "(at $.settings")]
    [InlineData("{\n  \"settings\": {\"epochs\": \"many\"}\n}", "line 2, column")]
    [InlineData("{\n\n x}", "line 3, column 2")]
    public void A_damaged_config_is_one_line_that_says_where(string config, string where)
    {
        foreach (var (run, again) in new[] { (Train + "--out @t", "train --resume @t"), (Compare + "--out @c", Compare + "--out @c") })
        {
            Assert.Equal(0, _minidl.Run(run));
            string folder = run.EndsWith('t') ? "t" : "c";
            File.WriteAllText(_minidl.Folder($"{folder}/config.json"), config);
            AssertOneLine(again, "config.json", where);
        }
    }

    [Theory]
    [InlineData("train_loss", 2)]
    [InlineData("epoch", 0)]
    public void A_cell_of_metrics_that_is_no_number_is_named_by_line_and_column(string column, int index)
    {
        Assert.Equal(0, _minidl.Run(Train + "--out @t"));
        Spoil("t/metrics.csv", line: 3, index);
        AssertOneLine("train --resume @t", "metrics.csv, line 3", $"column {column}: 'x' is not a");
    }

    [Theory]
    [InlineData("seed", 2)]
    [InlineData("test_error", 7)]
    public void A_cell_of_runs_that_is_no_number_is_named_by_line_and_column(string column, int index)
    {
        Assert.Equal(0, _minidl.Run(Compare + "--out @c"));
        Spoil("c/runs.csv", line: 2, index);
        AssertOneLine(Compare + "--out @c", "runs.csv, line 2", $"column {column}: 'x' is not a");
    }

    [Theory]
    [InlineData("{}", "lacks 'settings'")]
    [InlineData("{\"settings\":", "line 1, column")]
    [InlineData("{\"settings\":null,\"position\":{},\"random\":{}}", "null where a value must be")]
    [InlineData(null, "no state of training")]
    public void A_checkpoint_with_damaged_metadata_is_one_line(string? state, string what)
    {
        Assert.Equal(0, _minidl.Run(Train + "--out @t"));
        string path = _minidl.Folder("t/checkpoint/last.safetensors");
        var metadata = new Dictionary<string, string>();
        if (state is not null) metadata.Add("minidl.training", state);
        SafeTensors.Save(path, SafeTensors.Load(path).Tensors, metadata);
        AssertOneLine("train --resume @t", "last.safetensors", what);
    }

    [Fact]
    public void A_checkpoint_at_a_place_that_the_run_does_not_pass_is_damaged()
    {
        Assert.Equal(0, _minidl.Run(Train + "--out @t"));
        string path = _minidl.Folder("t/checkpoint/last.safetensors");
        var file = SafeTensors.Load(path);
        var (key, state) = Assert.Single(file.Metadata);
        string elsewhere = state.Replace("\"batch\":0", "\"batch\":7", StringComparison.Ordinal);
        Assert.NotEqual(state, elsewhere);
        SafeTensors.Save(path, file.Tensors, new Dictionary<string, string> { [key] = elsewhere });
        AssertOneLine("train --resume @t", "last.safetensors", "its position is not one of the run");
    }

    [Fact]
    public void A_truncated_checkpoint_offers_the_one_before_which_goes_on_bit_for_bit()
    {
        Assert.Equal(0, _minidl.Run(Train + "--out @t"));
        string[][] whole = _minidl.Rows("t/metrics.csv");
        byte[] weights = File.ReadAllBytes(_minidl.Folder("t/checkpoint/model.safetensors"));
        File.Delete(_minidl.Folder("t/checkpoint/model.safetensors"));
        using (var file = File.OpenWrite(_minidl.Folder("t/checkpoint/last.safetensors"))) file.SetLength(file.Length / 2);
        string older = _minidl.Folder("t/checkpoint/last-1.safetensors");
        AssertOneLine("train --resume @t", "truncated", $"whole, at the end of epoch 1: go on from there with --resume {older}.");

        Assert.Equal(0, _minidl.Run($"train --resume {older}"));
        Assert.Contains("A newer checkpoint is not used", _minidl.Output, StringComparison.Ordinal);
        Assert.Contains("what metrics.csv has of later epochs is trained again", _minidl.Output, StringComparison.Ordinal);
        Assert.Equal(whole.Select(row => row[..7]), _minidl.Rows("t/metrics.csv").Select(row => row[..7]));
        Assert.Equal(weights, File.ReadAllBytes(_minidl.Folder("t/checkpoint/model.safetensors")));
        Assert.Equal(0, _minidl.Run("train --resume @t"));
    }

    [Theory]
    [InlineData("model.1.linears.0.weight")]
    [InlineData("optimizer.state.1.momentum_buffer")]
    public void A_checkpoint_with_a_value_that_is_not_finite_is_damaged(string name)
    {
        Assert.Equal(0, _minidl.Run(Train + "--out @t"));
        string path = _minidl.Folder("t/checkpoint/last.safetensors");
        var file = SafeTensors.Load(path);
        file.Tensors[name].MutableSpan()[1] = float.NaN;
        SafeTensors.Save(path, file.Tensors, file.Metadata);
        AssertOneLine("train --resume @t", "last.safetensors is damaged", $"{name} (NaN at [", "is not finite");
    }

    [Fact]
    public void A_comparison_is_not_resumed_by_train()
    {
        Assert.Equal(0, _minidl.Run(Compare + "--out @c"));
        AssertOneLine("train --resume @c", "holds a comparison", "compare");
    }

    private void Spoil(string name, int line, int cell)
    {
        string[] lines = _minidl.Read(name).Split('\n');
        string[] cells = lines[line - 1].Split(',');
        cells[cell] = "x";
        lines[line - 1] = string.Join(',', cells);
        File.WriteAllText(_minidl.Folder(name), string.Join('\n', lines));
    }

    private void AssertOneLine(string arguments, params string[] named)
    {
        Assert.Equal(1, _minidl.Run(arguments));
        Assert.StartsWith("error: ", _minidl.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("bug", _minidl.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("MiniDL.", _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(1, _minidl.Error.Count(c => c == '\n'));
        foreach (string text in named) Assert.Contains(text, _minidl.Error, StringComparison.Ordinal);
    }
}
