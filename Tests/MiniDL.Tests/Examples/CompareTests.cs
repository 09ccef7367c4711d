using MiniDL.Data;
using MiniDL.Examples.Comparisons;
using MiniDL.Examples.Options;
using MiniDL.Examples.Training;

namespace MiniDL.Tests.Examples;

public sealed class CompareTests : IDisposable
{
    private const string Compare = $"compare {Minidl.Small} --norms bn,ln --batch-sizes 10,20 ";

    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void A_comparison_leaves_its_tables_and_figures()
    {
        Assert.Equal(0, _minidl.Run(Compare + "--seeds 2 --out @c"));
        Assert.StartsWith("norm,batch_size,seed,epoch,train_loss,train_error,test_loss,test_error,seconds,"
            + "eval_train_loss,eval_train_error,batch_train_loss,batch_train_error,mean_distance,variance_distance,gradient_norm\n",
            _minidl.Read("c/runs.csv"), StringComparison.Ordinal);
        Assert.StartsWith("norm,batch_size,seeds,test_error_mean,test_error_std,train_error_mean,train_loss_mean\n",
            _minidl.Read("c/summary.csv"), StringComparison.Ordinal);
        Assert.Equal(2 * 2 * 2 * 3, _minidl.Rows("c/runs.csv").Length);
        Assert.Equal(["bn 20 2", "ln 20 2", "bn 10 2", "ln 10 2"],
            _minidl.Rows("c/summary.csv").Select(row => string.Join(" ", row[..3])));
        AssertPictures.ArePresent(_minidl.Folder("c/error_vs_batch_size"), "BN", "LN", "10", "20", "batch size", "test error");
        AssertPictures.ArePresent(_minidl.Folder("c/training_curves"), "BN", "LN", "epoch");
        Assert.Contains("error_vs_batch_size.png", _minidl.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_summary_is_the_mean_and_sample_deviation_of_the_last_epochs()
    {
        ComparedEpoch Last(ulong seed, double error) => new(new RunKey("bn", 8, seed), 3, 1 + seed, 10 * error, 0, error, 0);
        var row = Assert.Single(SummaryRow.From([Last(0, 1), Last(1, 2), Last(2, 6)]));
        Assert.Equal<object>(["bn", 8, 3, 3.0, 2.6458, 30.0, 2.0], row.Cells());
        var diverged = Assert.Single(SummaryRow.From([Last(0, 1), Last(1, double.NaN)]));
        Assert.Equal<object>(["bn", 8, 2, double.NaN, double.NaN, double.NaN, 1.5], diverged.Cells());
        // One seed has no deviation, not one of 0.
        Assert.Equal<object>(["bn", 8, 1, 1.0, "", 10.0, 1.0], Assert.Single(SummaryRow.From([Last(0, 1)])).Cells());
    }

    [Fact]
    public void A_comparison_stopped_with_several_runs_in_flight_goes_on_where_it_was_and_ends_with_the_same_numbers()
    {
        const string compare = Compare + "--parallel 3 ";
        Assert.Equal(0, _minidl.Run(compare + "--out @whole"));
        // The fourth run has hardly begun when the first ends, so that it cannot be over before the stop.
        Assert.Equal(130, _minidl.RunUntil("(1/4)", compare + "--out @parts"));
        Assert.Contains("goes on", _minidl.Output, StringComparison.Ordinal);
        string[] before = _minidl.Read("parts/runs.csv").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.InRange(before.Length - 1, 1 * 3, 4 * 3 - 1);

        Assert.Equal(0, _minidl.Run(compare + "--out @parts"));
        Assert.Matches("[123] of them done already", _minidl.Output);
        // Epochs that were there keep their rows, times included: they were not run again.
        Assert.Subset(_minidl.Read("parts/runs.csv").Split('\n').ToHashSet(), before.ToHashSet());
        foreach (string file in new[] { "runs.csv", "layers.csv", "evaluation.csv", "summary.csv" }) AssertSame(file, "whole", "parts");
    }

    [Fact]
    public void An_interrupted_run_goes_on_from_its_checkpoint_and_one_without_starts_over()
    {
        Assert.Equal(0, _minidl.Run(Compare + "--out @whole"));
        foreach (bool withCheckpoint in new[] { true, false })
        {
            string name = withCheckpoint ? "with" : "without";
            StopInTheSecondEpoch(name);
            string checkpoint = Assert.Single(Directory.GetFiles(_minidl.Folder($"{name}/checkpoint")));
            if (!withCheckpoint) File.Delete(checkpoint);
            // As if the program had been killed while it wrote.
            File.AppendAllText(_minidl.Folder($"{name}/layers.csv"), "bn,20,0,2,conv,Conv2d,1,,\nbn,20,0,2,no");
            File.AppendAllText(_minidl.Folder($"{name}/runs.csv"), "bn,20");
            // A time that no run takes marks the row: one that is run again has another.
            string before = TakeADay($"{name}/runs.csv");
            Assert.StartsWith("bn,20,0,1,", before, StringComparison.Ordinal);

            Assert.Equal(0, _minidl.Run(Compare + $"--out @{name}"));
            Assert.Equal(withCheckpoint, before == _minidl.Read($"{name}/runs.csv").Split('\n')[1]);
            foreach (string file in new[] { "runs.csv", "layers.csv", "evaluation.csv" }) AssertSame(file, "whole", name);
            Assert.Empty(Directory.GetFiles(_minidl.Folder($"{name}/checkpoint")));
        }
    }

    [Fact]
    public void A_folder_of_another_version_is_refused_in_one_line_and_left_as_it_is()
    {
        Assert.Equal(0, _minidl.Run($"compare {Minidl.Small} --norms bn --batch-sizes 20 --out @c"));
        const string old = "norm,batch_size,seed,epoch,train_loss,train_error,test_loss,test_error,seconds\nbn,20,0,1,2,80,2,80,1\n";
        File.WriteAllText(_minidl.Folder("c/runs.csv"), old);
        Assert.Equal(1, _minidl.Run($"compare {Minidl.Small} --norms bn --batch-sizes 20 --out @c"));
        Assert.Matches("^error: .*runs.csv was written by another version.*--out.*\n$", _minidl.Error);
        Assert.Equal(old, _minidl.Read("c/runs.csv"));
    }

    [Fact]
    public void More_norms_batch_sizes_and_seeds_can_be_added_but_other_settings_are_refused()
    {
        Assert.Equal(0, _minidl.Run($"compare {Minidl.Small} --norms bn --batch-sizes 20 --out @c"));
        Assert.Equal(0, _minidl.Run($"compare {Minidl.Small} --norms bn,gn --batch-sizes 20 --out @c"));
        Assert.Contains("1 of them done already", _minidl.Output, StringComparison.Ordinal);
        string before = _minidl.Read("c/runs.csv");

        Assert.Equal(1, _minidl.Run($"compare {Minidl.Small} --norms bn --batch-sizes 20 --momentum 0.5 --out @c"));
        Assert.Contains("momentum 0.9 there, 0.5 here", _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(before, _minidl.Read("c/runs.csv"));
    }

    [Fact]
    public void The_learning_rate_is_proportional_to_the_batch_as_train_has_it()
    {
        Assert.Equal(0, _minidl.Run($"compare {Minidl.Small} --norms bn --batch-sizes 20 --out @c"));
        Assert.Equal(0, _minidl.Run($"train {Minidl.Small} --batch-size 20 --out @t"));
        Assert.Equal(_minidl.Rows("t/metrics.csv").Select(row => (row[2], row[5])),
            _minidl.Rows("c/runs.csv").Select(row => (row[4], row[7])));
    }

    [Fact]
    public void A_run_that_diverges_is_recorded_and_the_others_go_on()
    {
        string arguments = $"compare {Minidl.Small} --norms none,bn --batch-sizes 20 --base-lr 1e30 --schedule none --out @c";
        Assert.Equal(0, _minidl.Run(arguments));
        var rows = _minidl.Rows("c/runs.csv");
        Assert.Equal("NaN", rows.Last(row => row[0] == "none")[7]);
        Assert.Contains("none,20,1,NaN,,NaN,NaN", _minidl.Read("c/summary.csv"), StringComparison.Ordinal);
        Assert.Contains("diverged", _minidl.Output, StringComparison.Ordinal);
        Assert.Contains("(--base-lr 1E+29)", _minidl.Output, StringComparison.Ordinal);
        string before = _minidl.Read("c/runs.csv");
        Assert.Equal(0, _minidl.Run(arguments));
        Assert.Equal(before, _minidl.Read("c/runs.csv"));
    }

    [Fact]
    public void A_run_with_no_finite_test_loss_at_its_end_has_diverged_and_is_no_number_in_the_figure()
    {
        Assert.Equal(0, _minidl.Run("compare --model resnet8 --train-images 64 --test-images 20 --epochs 1 --norms bn --batch-sizes 64 "
            + "--base-lr 1e30 --out @c"));
        Assert.Equal("NaN", Assert.Single(_minidl.Rows("c/runs.csv"))[7]);
        Assert.Contains("bn,64,1,NaN", _minidl.Read("c/summary.csv"), StringComparison.Ordinal);
        Assert.True(new ComparedEpoch(new RunKey("bn", 8, 0), 1, TrainLoss: 2, TrainError: 50, TestLoss: double.NaN, TestError: 100, Seconds: 1).Diverged);
    }

    [Fact]
    public void At_chance_level_a_comparison_concludes_nothing_and_says_what_its_images_are()
    {
        Assert.Equal(0, _minidl.Run("compare --train-images 128 --test-images 100 --epochs 1 --batch-sizes 2,32 --out @c"));
        string[] lines = _minidl.Output.Split('\n');
        Assert.Equal(2, lines.Count(line => line.StartsWith("inconclusive ", StringComparison.Ordinal)));
        Assert.DoesNotContain(lines, line => line.StartsWith("agrees", StringComparison.Ordinal)
            || line.StartsWith("contradicts", StringComparison.Ordinal));
        Assert.Contains("not clearly better than guessing", string.Join(' ', lines), StringComparison.Ordinal);
        Assert.Contains("128 synthetic images", _minidl.Output, StringComparison.Ordinal);
        Assert.Matches("</header>\\s*<p class=\"notice\"[^>]*>Synthetic images", _minidl.Read("c/report.html"));
    }

    /// <summary>Does an epoch and a step of the comparison's first run, as if Ctrl-C had been pressed then.</summary>
    /// <summary>Makes the first row's epoch last a day, and gives that row.</summary>
    private string TakeADay(string file)
    {
        string[] lines = _minidl.Read(file).Split('\n');
        string[] cells = lines[1].Split(',');
        cells[Array.IndexOf(lines[0].Split(','), "seconds")] = "86400";
        lines[1] = string.Join(',', cells);
        File.WriteAllText(_minidl.Folder(file), string.Join('\n', lines));
        return lines[1];
    }

    private void StopInTheSecondEpoch(string name)
    {
        var run = new CompareOptions { Model = "resnet8", TrainImages = 40, TestImages = 20, Epochs = 3 }.SettingsOf("bn", 20, seed: 0);
        var data = SyntheticImages.Load(0, 40, 20);
        using var folder = new ComparisonFolder(_minidl.Folder(name), ComparisonSettings.Of(run, 0.1, 128), TrainingData.Identify(data), [run]);
        using var stop = new CancellationTokenSource();
        var trainer = new Trainer(run, data.Train, data.Test);
        var probe = new Probe(trainer, data.Train, data.Test);
        void StopThere(StepReport step)
        {
            if (step.Step == 3) stop.Cancel();
        }
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (var epoch in trainer.Run(StopThere, stop.Token))
                folder.Add(ComparedEpoch.Of(RunKey.Of(run), epoch) with { Probe = probe.Measure() });
        });
        folder.Save(trainer);
    }

    /// <summary>Both runs left the same file, but for times.</summary>
    private void AssertSame(string file, string a, string b)
    {
        string[] Lines(string run) => [.. _minidl.Rows($"{run}/{file}").Select(row =>
            string.Join(",", file == "runs.csv" ? [.. row[..8], .. row[9..]] : row))];
        Assert.NotEmpty(Lines(a));
        Assert.Equal(Lines(a), Lines(b));
    }
}
