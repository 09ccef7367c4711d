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
        Assert.StartsWith("norm,batch_size,seed,epoch,train_loss,train_error,test_loss,test_error,seconds\n",
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
        ComparedEpoch Last(ulong seed, double error) => new("bn", 8, seed, 3, 1 + seed, 10 * error, 0, error, 0);
        var row = Assert.Single(SummaryRow.From([Last(0, 1), Last(1, 2), Last(2, 6)]));
        Assert.Equal("bn,8,3,3,2.6458,30,2", row.ToRow());
        Assert.Equal("bn,8,2,NaN,NaN,NaN,1.5", Assert.Single(SummaryRow.From([Last(0, 1), Last(1, double.NaN)])).ToRow());
        Assert.Equal(0, Assert.Single(SummaryRow.From([Last(0, 1)])).TestErrorStd);
    }

    [Fact]
    public void A_stopped_comparison_goes_on_where_it_was_and_ends_with_the_same_numbers()
    {
        Assert.Equal(0, _minidl.Run(Compare + "--out @whole"));
        Assert.Equal(130, _minidl.RunUntil("(2/4)", Compare + "--out @parts"));
        Assert.Contains("goes on", _minidl.Output, StringComparison.Ordinal);
        Assert.Equal(2 * 3, _minidl.Rows("parts/runs.csv").Length);
        string[] before = _minidl.Read("parts/runs.csv").Split('\n');

        Assert.Equal(0, _minidl.Run(Compare + "--out @parts"));
        Assert.Contains("2 of them done already", _minidl.Output, StringComparison.Ordinal);
        // Finished runs keep their rows, times included: they were not run again.
        Assert.Equal(before[..7], _minidl.Read("parts/runs.csv").Split('\n')[..7]);
        Assert.Equal(Results("whole"), Results("parts"));
    }

    [Fact]
    public void An_interrupted_run_goes_on_from_its_checkpoint_and_one_without_starts_over()
    {
        Assert.Equal(0, _minidl.Run(Compare + "--out @whole"));
        foreach (bool withCheckpoint in new[] { true, false })
        {
            string name = withCheckpoint ? "with" : "without";
            Assert.Equal(130, _minidl.RunUntil("(1/4)", Compare + $"--out @{name}"));
            string checkpoint = _minidl.Folder($"{name}/checkpoint/last.safetensors");
            // As if the program had been killed in the second epoch of the first run.
            string[] lines = _minidl.Read($"{name}/runs.csv").Split('\n');
            File.WriteAllText(_minidl.Folder($"{name}/runs.csv"), string.Join('\n', lines[..3]) + "\nbn,20");
            if (!withCheckpoint) File.Delete(checkpoint);
            Assert.Equal(0, _minidl.Run(Compare + $"--out @{name}"));
            Assert.Equal(Results("whole"), Results(name));
        }
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
        Assert.Contains("none,20,1,NaN,0,NaN,NaN", _minidl.Read("c/summary.csv"), StringComparison.Ordinal);
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
        Assert.True(new ComparedEpoch("bn", 8, 0, 1, TrainLoss: 2, TrainError: 50, TestLoss: double.NaN, TestError: 100, Seconds: 1).Diverged);
    }

    private string[] Results(string run) =>
        [.. _minidl.Rows($"{run}/runs.csv").Select(row => string.Join(" ", row[..8])).Order(StringComparer.Ordinal)];
}
