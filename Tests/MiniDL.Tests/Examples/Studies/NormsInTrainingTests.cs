using System.Globalization;
using MiniDL.Examples.Studies.NormsInTraining;

namespace MiniDL.Tests.Examples.Studies;

/// <summary>The smallest runs of the studies that train nets with several norms, and the properties that hold already there.</summary>
public sealed class NormsInTrainingTests : IDisposable
{
    private static readonly double Chance = Math.Log(10);

    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void A_sigmoid_net_learns_with_BN_while_the_plain_one_is_at_chance_and_its_sigmoids_inputs_stay_put()
    {
        Run("sigmoid-mnist", "sigmoid_mnist");
        double Loss(string norm) => Number(_minidl.Rows("s/sigmoid_mnist.csv").Last(row => row[0] == norm)[3]);
        Assert.InRange(Loss("none"), Chance - 0.05, Chance + 0.05);
        Assert.InRange(Loss("bn"), 0, 0.7 * Chance);
        double Drift(string norm) => Number(_minidl.Rows("s/sigmoid_mnist_drift.csv").Single(row => row[0] == norm)[2]);
        Assert.True(Drift("bn") < 0.6 * Drift("none"), $"BN {Drift("bn")}, none {Drift("none")}");
    }

    [Fact]
    public void BN_trains_at_a_rate_at_which_the_plain_net_does_not()
    {
        Run("learning-rate", "learning_rate");
        var largest = _minidl.Rows("s/learning_rate_largest.csv").ToDictionary(row => $"{row[0]} {row[1]}", row => Number(row[2]));
        Assert.True(largest["mlp bn"] >= 2 * largest["mlp none"], $"{largest["mlp bn"]} {largest["mlp none"]}");
        Assert.True(largest["resnet8 bn"] > largest["resnet8 none"], $"{largest["resnet8 bn"]} {largest["resnet8 none"]}");
        var at = _minidl.Rows("s/learning_rate.csv").Where(row => row[0] == "mlp" && Number(row[2]) == largest["mlp bn"])
            .ToDictionary(row => row[1], row => Number(row[4]));
        Assert.True(at["bn"] < 0.9 * Chance);
        Assert.False(at["none"] < 0.9 * Chance);
    }

    [Fact]
    public void Over_four_images_BN_learns_less_than_layer_normalization()
    {
        Run("small-batch", "small_batch");
        var loss = _minidl.Rows("s/small_batch_summary.csv").ToDictionary(row => (row[0], row[1]), row => Number(row[5]));
        Assert.True(loss[("BN", "4")] > loss[("LN", "4")] + 0.05);
        Assert.True(loss[("BN", "128")] < loss[("BN", "4")]);
    }

    [Fact]
    public void Groups_are_counted_both_ways_with_LN_and_IN_at_the_ends()
    {
        Run("groups", "groups");
        var rows = _minidl.Rows("s/groups.csv");
        Assert.Equal(["1", "2", "4", "8", "16"], rows.Where(row => row[0] == "groups").Select(row => row[1]));
        Assert.Equal(["1", "2", "4", "8", "16"], rows.Where(row => row[0] == "channels").Select(row => row[1]));
        Assert.Contains(rows, row => row[0] == "bn");
        Assert.All(rows, row => Assert.InRange(Number(row[5]), 0, 4));
    }

    [Fact]
    public void The_data_dependent_start_gives_every_layer_deviation_1_and_the_plain_one_does_not()
    {
        Run("weight-norm", "weight_norm");
        var scales = _minidl.Rows("s/weight_norm_start.csv").GroupBy(row => row[0])
            .ToDictionary(group => group.Key, group => group.Select(row => Number(row[2])).ToArray());
        double[] started = scales["WN (DD)"];
        Assert.Equal(10, started.Length);
        Assert.All(started, std => Assert.Equal(1, std, 1e-3));
        Assert.Contains(scales["WN"], std => Math.Abs(std - 1) > 0.3);
        Assert.Equal(scales["plain"], scales["WN"]);
    }

    [Fact]
    public void Precise_statistics_do_not_widen_the_gap_between_training_and_evaluation()
    {
        Run("train-eval-gap", "train_eval_gap");
        var rows = _minidl.Rows("s/train_eval_gap.csv").Where(row => row[0] != "GN").ToArray();
        Assert.Equal(["2", "16"], rows.Select(row => row[0]));
        Assert.All(rows, row => Assert.True(Number(row[5]) <= Math.Max(0, Number(row[4])) + 0.05, $"running {row[4]}, precise {row[5]}"));

        // GN has no statistics of the batch: all three ways to evaluate it are one.
        var gn = _minidl.Rows("s/train_eval_gap_epochs.csv").Where(row => row[0] == "GN").ToArray();
        Assert.NotEmpty(gn);
        Assert.All(gn, row => Assert.Equal(row[2], row[3]));
        Assert.All(gn, row => Assert.Equal(Number(row[5]), Number(row[7]), 1e-4));
    }

    [Fact]
    public void Unbiased_batch_norm_gives_a_batch_the_unbiased_variance_1_and_evaluates_as_BN_does()
    {
        var norm = new UnbiasedBatchNorm(3);
        var x = Tensor.Normal([4, 3], new RandomStream(1), mean: 2, std: 5);
        float[] y = norm.Forward(x).ToArray();
        for (int feature = 0; feature < 3; feature++)
            Assert.Equal(3, Enumerable.Range(0, 4).Sum(i => Math.Pow(y[i * 3 + feature], 2)), 1e-3);
        var bn = new MiniDL.Layers.BatchNorm1d(3);
        bn.Forward(x);
        Assert.Equal(bn.Eval().Forward(x).ToArray(), norm.Eval().Forward(x).ToArray());
    }

    /// <summary>Runs a study at its smallest into the folder s.</summary>
    private void Run(string study, string picture)
    {
        Assert.Equal(0, _minidl.Run($"study {study} --smallest --out @s"));
        AssertPictures.ArePresent(_minidl.Folder($"s/{picture}"));
        Assert.Contains(study, _minidl.Read("s/report.html"), StringComparison.Ordinal);
        AssertStandIn.IsAnnounced(_minidl, "s");
    }

    private static double Number(string cell) => double.Parse(cell, CultureInfo.InvariantCulture);
}
