using System.Text.Json;
using MiniDL.Examples.Training;

namespace MiniDL.Tests.Examples;

/// <summary><c>--trace</c> of bench and train, and <c>--summary</c> of train.</summary>
public sealed class TraceOptionTests : IDisposable
{
    private const string Bench = "bench --model resnet8 --norms bn --batch-sizes 2 --steps 2 --warm-up 0";

    private const string Train = "train --model resnet8 --train-images 40 --test-images 20 --batch-size 10 --epochs 2";

    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void Bench_traces_three_steps_and_says_so_beside_its_JSON_line()
    {
        Assert.Equal(0, _minidl.Run($"{Bench} --trace @trace.json"));
        Assert.Single(_minidl.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => line.StartsWith('{'));
        Assert.Contains($"trace of 3 training steps in {_minidl.Folder("trace.json")}: open it at https://ui.perfetto.dev", _minidl.Error, StringComparison.Ordinal);
        string[] names = Names("trace.json");
        Assert.Equal(3, names.Count(name => name == "training step"));
        Assert.Equal(3, names.Count(name => name == "conv2d weight gradient blocks.2.conv2"));
        Assert.Equal(3, names.Count(name => name == "sgd step"));

        // A trace may take the place of one, and quiet it does without a word.
        Assert.Equal(0, _minidl.Run($"{Bench} --quiet --trace @trace.json"));
        Assert.Empty(_minidl.Error);
    }

    [Fact]
    public void Train_traces_three_steps_of_an_epoch_and_says_which()
    {
        Assert.Equal(0, _minidl.Run($"{Train} --trace @trace.json --out @run"));
        Assert.Contains($"trace of steps 6 to 8 in {_minidl.Folder("trace.json")}: open it at", _minidl.Output, StringComparison.Ordinal);
        string[] names = Names("trace.json");
        Assert.Equal(3, names.Count(name => name == "training step"));
        Assert.Equal(3, names.Count(name => name == "conv2d forward blocks.2.conv2"));
        // No evaluation is between them.
        Assert.DoesNotContain(names, name => name.StartsWith("conv2d_normalize", StringComparison.Ordinal));

        Assert.Equal(0, _minidl.Run($"{Train} --out @plain"));
        Assert.Equal(Results("plain"), Results("run"));

        // Losses and errors, which a trace must not change; the last columns are times.
        IEnumerable<string> Results(string run) => _minidl.Rows($"{run}/metrics.csv").Select(row => string.Join(',', row[..^2]));
    }

    [Theory]
    // Done, total, steps an epoch: first and last.
    [InlineData(0, 1000, 100, 11, 13)]
    [InlineData(250, 1000, 100, 261, 263)]
    // The eleventh step would be the first of an epoch, which evaluation precedes, or the thirteenth of the next.
    [InlineData(0, 1000, 10, 12, 14)]
    [InlineData(0, 1000, 12, 14, 16)]
    // There are fewer.
    [InlineData(0, 8, 4, 6, 8)]
    [InlineData(5, 7, 7, 6, 7)]
    [InlineData(0, 1, 1, 1, 1)]
    [InlineData(7, 7, 7, 8, 7)]
    public void Steps_are_chosen_after_the_first_ones_and_within_an_epoch(int done, int total, int stepsPerEpoch, int first, int last) =>
        Assert.Equal((first, last), StepTrace.Range(done, total, stepsPerEpoch));

    [Theory]
    [InlineData("--trace @nothing/trace.json", "cannot write a trace to")]
    [InlineData("--trace @", "there is a folder of this name")]
    [InlineData("--trace @other.json", "there is a file that is no trace")]
    public void A_file_that_cannot_be_written_is_refused_before_the_work(string option, string why)
    {
        File.WriteAllText(_minidl.Folder("other.json"), "{}");
        foreach (string verb in new[] { Bench, $"{Train} --out @run" })
        {
            Assert.Equal(1, _minidl.Run($"{verb} {option}"));
            Assert.Contains(why, _minidl.Error, StringComparison.Ordinal);
            Assert.Equal(1, _minidl.Error.Count(c => c == '\n'));
            Assert.Empty(_minidl.Output);
        }
        Assert.False(Directory.Exists(_minidl.Folder("run")));
        Assert.Equal("{}", _minidl.Read("other.json"));
    }

    [Theory]
    [InlineData("bench --trace t.json", "--trace records one case; name one norm and one batch size")]
    [InlineData("bench --device cuda --norms bn --batch-sizes 2 --trace t.json", "--trace t.json is for the CPU")]
    [InlineData("train --device cuda --trace t.json", "--trace t.json is for the CPU")]
    public void What_cannot_be_traced_is_refused(string arguments, string named)
    {
        Assert.Equal(2, _minidl.Run(arguments));
        Assert.Contains(named, _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(1, _minidl.Error.Count(c => c == '\n'));
    }

    [Fact]
    public void An_empty_name_is_refused()
    {
        Assert.Equal(2, _minidl.Run(["train", "--trace", ""]));
        Assert.Contains("--trace is empty", _minidl.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Summary_prints_a_table_before_training_and_changes_nothing()
    {
        Assert.Equal(0, _minidl.Run($"{Train} --summary --out @run"));
        int total = _minidl.Output.IndexOf("total  ", StringComparison.Ordinal), epoch = _minidl.Output.IndexOf("epoch ", StringComparison.Ordinal);
        Assert.InRange(total, 1, epoch);
        Assert.Contains("blocks.2.conv2", _minidl.Output, StringComparison.Ordinal);
        Assert.Contains("of [10, 3, 32, 32]", _minidl.Output, StringComparison.Ordinal);
        Assert.Equal(0, _minidl.Run($"{Train} --out @plain"));
        Assert.Equal(File.ReadAllBytes(_minidl.Folder("plain/checkpoint/model.safetensors")), File.ReadAllBytes(_minidl.Folder("run/checkpoint/model.safetensors")));
    }

    private string[] Names(string file)
    {
        using var trace = JsonDocument.Parse(_minidl.Read(file));
        return [.. trace.RootElement.GetProperty("traceEvents").EnumerateArray().Select(e => e.GetProperty("name").GetString()!)];
    }
}
