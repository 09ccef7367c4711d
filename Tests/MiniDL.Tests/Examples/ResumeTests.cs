using MiniDL.Serialization;

namespace MiniDL.Tests.Examples;

/// <summary>Runs of <c>train</c> and <c>compare</c> that go on: for more epochs, from within an epoch, from what was damaged.</summary>
public sealed class ResumeTests : IDisposable
{
    private const string Small = "--model mlp --train-images 40 --test-images 20 ";
    private const string Train = $"train {Small} --batch-size 10 ";

    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void A_finished_run_says_so_and_goes_on_for_more_epochs_as_if_they_had_been_asked_for_at_once()
    {
        Assert.Equal(0, _minidl.Run(Train + "--schedule none --epochs 4 --out @whole"));
        Assert.Equal(0, _minidl.Run(Train + "--schedule none --epochs 2 --out @parts"));
        Assert.Equal(0, _minidl.Run("train --resume @parts"));
        Assert.Contains("The run is finished. For more epochs, give their number in all: --epochs 4.", _minidl.Output, StringComparison.Ordinal);
        Assert.Equal(0, _minidl.Run("train --resume @parts --epochs 4"));
        Assert.Equal(Results("whole"), Results("parts"));
        Assert.Contains("\"epochs\": 4", _minidl.Read("parts/config.json"), StringComparison.Ordinal);
        Assert.Equal(0, _minidl.Run("train --resume @parts"));
    }

    [Fact]
    public void A_schedule_counts_over_the_new_number_of_epochs_which_is_said_and_only_a_finished_run_takes_one()
    {
        Assert.Equal(130, _minidl.RunUntil("epoch   1/4", Train + "--schedule cosine --epochs 4 --out @run"));
        Assert.Equal(2, _minidl.Run("train --resume @run --epochs 8"));
        Assert.Contains("Finish it first", _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(0, _minidl.Run("train --resume @run"));
        Assert.Equal(2, _minidl.Run("train --resume @run --epochs 3"));
        Assert.Contains("which is more", _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(0, _minidl.Run("train --resume @run --epochs 8"));
        // Half of the base rate of batches of 10, since half of the cosine is over.
        Assert.Contains("now counts over 8 epochs in place of 4: it goes on at learning rate 0.00391", _minidl.Output, StringComparison.Ordinal);
        Assert.Equal(8, _minidl.Rows("run/metrics.csv").Length);
    }

    [Fact]
    public void Minutes_between_checkpoints_save_within_epochs_and_such_a_checkpoint_goes_on_bit_for_bit()
    {
        Assert.Equal(0, _minidl.Run(Train + "--epochs 2 --out @whole"));
        Assert.Equal(0, _minidl.Run(Train + "--epochs 2 --checkpoint-every 0.0000001m --out @parts"));
        string within = _minidl.Folder("parts/checkpoint/last-2.safetensors");
        Assert.Contains("\"batch\":3", SafeTensors.Load(within).Metadata["minidl.training"], StringComparison.Ordinal);
        Assert.Equal(0, _minidl.Run($"train --resume {within}"));
        Assert.Equal(Results("whole"), Results("parts"));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("0m")]
    [InlineData("5h")]
    [InlineData("m")]
    public void An_interval_that_is_none_is_refused(string interval)
    {
        Assert.Equal(2, _minidl.Run(Train + $"--checkpoint-every={interval} --out @run"));
        Assert.Matches($"^error: --checkpoint-every .*{interval}.* must be|^error: --checkpoint-every.*not", _minidl.Error);
        Assert.False(Directory.Exists(_minidl.Folder("run")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("--validation 10 ")]
    public void The_best_checkpoint_is_that_of_the_lowest_error(string validation)
    {
        Assert.Equal(0, _minidl.Run(Train + $"--epochs 5 --lr 0.2 {validation}--out @run"));
        int column = validation.Length > 0 ? 10 : 5;
        var best = _minidl.Rows("run/metrics.csv").MinBy(row => double.Parse(row[column]))!;
        Assert.Contains($"\"epoch\":{best[0]},\"batch\":0",
            SafeTensors.Load(_minidl.Folder("run/checkpoint/best.safetensors")).Metadata["minidl.training"], StringComparison.Ordinal);
        Assert.Contains($"best.safetensors is of epoch {best[0]}, chosen by its {(validation.Length > 0 ? "validation" : "test")} error",
            _minidl.Output, StringComparison.Ordinal);
        Assert.Equal(validation.Length > 0 ? "3" : "4", _minidl.Rows("run/metrics.csv")[0][1]);
        Assert.Equal(["best", "last", "last-1", "last-2", "model"],
            Directory.GetFiles(_minidl.Folder("run/checkpoint")).Select(Path.GetFileNameWithoutExtension).Order());
    }

    [Fact]
    public void A_validation_split_that_leaves_nothing_is_refused_before_there_is_a_folder()
    {
        Assert.Equal(1, _minidl.Run(Train + "--validation 40 --out @run"));
        Assert.Contains("--validation 40 leaves none of 40 training images", _minidl.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_minidl.Folder("run")));
    }

    [Theory]
    [InlineData("1,4", "3,4", "expected 1")]
    [InlineData("2,8", "4,8", "expected 2")]
    public void Rows_that_are_not_consecutive_are_refused_by_line(string row, string changed, string what)
    {
        Assert.Equal(0, _minidl.Run(Train + "--epochs 3 --out @run"));
        string rows = _minidl.Read("run/metrics.csv");
        File.WriteAllText(_minidl.Folder("run/metrics.csv"), rows.Replace($"\n{row},", $"\n{changed},", StringComparison.Ordinal));
        Assert.Equal(1, _minidl.Run("train --resume @run"));
        Assert.Contains(what, _minidl.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_of_another_run_are_refused_and_written_anew_once_they_are_gone()
    {
        Assert.Equal(0, _minidl.Run(Train + "--epochs 3 --out @run"));
        Assert.Equal(0, _minidl.Run(Train + "--epochs 3 --seed 1 --out @other"));
        string rows = _minidl.Read("run/metrics.csv");
        File.Copy(_minidl.Folder("other/metrics.csv"), _minidl.Folder("run/metrics.csv"), overwrite: true);
        Assert.Equal(1, _minidl.Run("train --resume @run"));
        Assert.Contains("is not of this run", _minidl.Error, StringComparison.Ordinal);
        File.Delete(_minidl.Folder("run/metrics.csv"));
        Assert.Equal(0, _minidl.Run("train --resume @run"));
        Assert.Equal(rows, _minidl.Read("run/metrics.csv"));
    }

    [Fact]
    public void Every_flipped_bit_of_a_checkpoint_is_noticed()
    {
        Assert.Equal(0, _minidl.Run(Train + "--epochs 1 --out @run"));
        string path = _minidl.Folder("run/checkpoint/last.safetensors");
        File.Delete(_minidl.Folder("run/checkpoint/last-1.safetensors"));
        byte[] bytes = File.ReadAllBytes(path);
        int header = (int)BitConverter.ToInt64(bytes);
        var random = new Random(1);
        // Many in the header, where names are, and some in the values.
        int[] bits = [.. Enumerable.Range(0, 60).Select(_ => random.Next(8 * (8 + header))), .. Enumerable.Range(0, 20).Select(_ => random.Next(8 * bytes.Length))];
        foreach (int bit in bits)
        {
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
            File.WriteAllBytes(path, bytes);
            Assert.True(_minidl.Run("train --resume @run") == 1, $"bit {bit}");
            Assert.Equal(1, _minidl.Error.Count(c => c == '\n'));
            bytes[bit / 8] ^= (byte)(1 << bit % 8);
        }
    }

    [Theory]
    [InlineData("optimizer.state.1.momentum_buffer", "optimizes.state.1.momentum_buffer", "is no part of a checkpoint")]
    [InlineData("optimizer.state.1.momentum_buffer", null, "tensors of the optimizer, expected")]
    [InlineData("model.1.linears.0.weight", null, "missing: 1.linears.0.weight")]
    public void A_slot_that_is_renamed_or_missing_is_noticed_without_a_checksum_too(string name, string? renamed, string what)
    {
        Assert.Equal(0, _minidl.Run(Train + "--epochs 1 --out @run"));
        string path = _minidl.Folder("run/checkpoint/last.safetensors");
        var file = SafeTensors.Load(path);
        var tensors = file.Tensors.ToDictionary(t => t.Key, t => t.Value);
        Assert.True(tensors.Remove(name, out var tensor));
        if (renamed is not null) tensors.Add(renamed, tensor);
        SafeTensors.Save(path, tensors, file.Metadata);
        Assert.Equal(1, _minidl.Run("train --resume @run"));
        Assert.Contains(what, _minidl.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_comparison_keeps_rows_of_exactly_its_settings_only()
    {
        const string compare = $"compare {Small} --norms bn --batch-sizes 10 --epochs 5 ";
        Assert.Equal(0, _minidl.Run(compare + "--out @whole"));
        // As a version left it that took a precision on the CPU, and stopped after two epochs.
        File.Copy(_minidl.Folder("whole/runs.csv"), _minidl.Folder("rows"));
        Assert.Equal(0, _minidl.Run($"train {Small} --epochs 5 --batch-size 10 --out @t"));
        Directory.CreateDirectory(_minidl.Folder("whole/checkpoint"));
        string checkpoint = _minidl.Folder("whole/checkpoint/bn-b10-s0.safetensors");
        var file = SafeTensors.Load(_minidl.Folder("t/checkpoint/last-2.safetensors"));
        SafeTensors.Save(checkpoint, file.Tensors, new Dictionary<string, string>
        {
            ["minidl.training"] = file.Metadata["minidl.training"].Replace("\"tf32\"", "\"fp32\"", StringComparison.Ordinal),
        });
        File.WriteAllLines(_minidl.Folder("whole/runs.csv"), File.ReadLines(_minidl.Folder("rows")).Take(4));
        Assert.Equal(0, _minidl.Run(compare + "--out @whole"));
        Assert.Equal(["1", "2", "3", "4", "5"], _minidl.Rows("whole/runs.csv").Select(row => row[3]));
    }

    [Fact]
    public void A_comparison_with_rows_twice_or_a_damaged_checkpoint_repeats_that_run_and_says_so()
    {
        const string compare = $"compare {Small} --norms bn,ln --batch-sizes 10 --epochs 2 --out @c";
        Assert.Equal(0, _minidl.Run(compare));
        string[] lines = _minidl.Read("c/runs.csv").Split('\n');
        File.WriteAllText(_minidl.Folder("c/runs.csv"), string.Join('\n', [lines[0], lines[1], .. lines[1..]]));
        Directory.CreateDirectory(_minidl.Folder("c/checkpoint"));
        File.WriteAllText(_minidl.Folder("c/checkpoint/bn-b10-s0.safetensors"), "damaged");
        Assert.Equal(0, _minidl.Run(compare));
        Assert.Contains("bn, batch 10, seed 0 is run anew", _minidl.Output, StringComparison.Ordinal);
        Assert.Contains("bn-b10-s0.safetensors.damaged", _minidl.Output.ReplaceLineEndings(""), StringComparison.Ordinal);
        Assert.Contains("1 of them done already", _minidl.Output, StringComparison.Ordinal);
        Assert.Equal(lines.Select(WithoutTime), _minidl.Read("c/runs.csv").Split('\n').Select(WithoutTime));
        Assert.True(File.Exists(_minidl.Folder("c/runs.csv.old")));

        static string WithoutTime(string line) => string.Join(',', line.Split(',').Where((_, column) => column != 8));
    }

    private string[] Results(string name) =>
    [
        .. _minidl.Rows($"{name}/metrics.csv").Select(row => string.Join(",", row[..7])),
        Convert.ToHexString(File.ReadAllBytes(_minidl.Folder($"{name}/checkpoint/model.safetensors"))),
    ];
}
