using MiniDL.Data;
using MiniDL.Examples.Comparisons;
using MiniDL.Examples.Training;
using MiniDL.Layers;

namespace MiniDL.Tests.Examples;

public sealed class CompareProbeTests
{
    [Theory]
    [InlineData("bn")]
    [InlineData("ghost")]
    [InlineData("brn")]
    [InlineData("lp1")]
    [InlineData("wn-mbn")]
    [InlineData("evonorm-b0")]
    [InlineData("gn")]
    public void Looking_at_a_run_does_not_change_a_bit_of_it(string norm)
    {
        var settings = new TrainSettings { Model = "resnet8", Norm = norm, Epochs = 2, BatchSize = 8, LearningRate = 0.01, Augment = true };
        var data = SyntheticImages.Load(0, 24, 12);
        Trainer New() => new(settings, data.Train, data.Test);
        var alone = New().Run().Select(Numbers).ToArray();
        var watched = New();
        var probe = new Probe(watched, data.Train, data.Test);
        List<(double, double, double, double)> looked = [];
        foreach (var epoch in watched.Run())
        {
            probe.Measure();
            probe.Evaluate(new Score(epoch.TestLoss, epoch.TestError));
            looked.Add(Numbers(epoch));
        }
        Assert.Equal(alone, looked);
    }

    [Theory]
    [InlineData("bn")]
    [InlineData("brn")]
    [InlineData("lp2")]
    [InlineData("wn-mbn")]
    [InlineData("evonorm-b0")]
    public void Weights_and_running_statistics_are_the_same_after_a_look(string norm)
    {
        var (trainer, probe) = Trained(norm, batch: 4);
        var before = State(trainer);
        probe.Measure();
        Assert.Equal(before, State(trainer));
        probe.Evaluate(new Score(1, 50));
        Assert.Equal(before, State(trainer));
        Assert.All(trainer.Model.NamedModules(), m => Assert.Null((m.Module as BatchNorm)?.StatisticsObserver));
    }

    [Fact]
    public void Without_running_statistics_all_three_kinds_are_equal_and_there_is_no_distance()
    {
        var (_, probe) = Trained("gn", batch: 4);
        var look = probe.Measure();
        Assert.Equal((look.EvalLoss, look.EvalError), (look.BatchLoss, look.BatchError));
        Assert.True(double.IsNaN(look.Distance.Mean));
        var running = new Score(1.5, 50);
        Assert.Equal(new EvaluationByStatistics(running, running, running), probe.Evaluate(running));
    }

    [Theory]
    [InlineData("bn", true)]
    [InlineData("brn", true)]
    [InlineData("lp1", false)]
    [InlineData("evonorm-b0", false)]
    public void Precise_statistics_and_distances_are_those_of_norms_with_a_running_mean_and_variance(string norm, bool has)
    {
        var (_, probe) = Trained(norm, batch: 4);
        var look = probe.Measure();
        var test = probe.Evaluate(new Score(1.5, 50));
        Assert.NotEqual(look.EvalLoss, look.BatchLoss);
        Assert.NotEqual(test.Running, test.Batch);
        Assert.Equal(has, double.IsFinite(test.Precise.Loss));
        Assert.Equal(has, look.Distance is { Mean: > 0, Variance: > 0 });
        Assert.Equal(has ? 7 : 0, look.Layers.Count(layer => double.IsFinite(layer.Distance.Mean)));
        Assert.All(look.Layers, layer => Assert.InRange(layer.GradientNorm, 1e-9, 1e9));
        double squares = look.Layers.Sum(layer => layer.GradientNorm * layer.GradientNorm);
        Assert.InRange(look.GradientNorm, 0.8 * Math.Sqrt(squares), 1.2 * Math.Sqrt(squares));
    }

    [Fact]
    public void The_distance_is_the_root_mean_square_over_channels_and_batches()
    {
        var norm = new BatchNorm1d(2, eps: 0);
        norm.LoadStateDict(new Dictionary<string, Tensor>
        {
            ["running_mean"] = Tensor.From([1f, 0f], [2]),
            ["running_var"] = Tensor.From([4f, 1f], [2]),
        }, strict: false);
        var meter = StatisticsMeter.OfAll(norm)[""];
        // Means 3 and 0, biased variances 4 and e²: one running deviation apart and none, ratios 1 and e².
        norm.Forward(Tensor.From([1f, MathF.E, 5f, -MathF.E], [2, 2]));
        Assert.Equal(Math.Sqrt((1.0 + 0) / 2), meter.Distance.Mean, 1e-6);
        Assert.Equal(Math.Sqrt((0.0 + 4) / 2), meter.Distance.Variance, 1e-6);
        // Means 1 and 1, variances 4 and 1.
        norm.Forward(Tensor.From([-1f, 0f, 3f, 2f], [2, 2]));
        Assert.Equal(Math.Sqrt((1.0 + 0 + 0 + 1) / 4), meter.Distance.Mean, 1e-6);
        Assert.Equal(Math.Sqrt(4.0 / 4), meter.Distance.Variance, 1e-6);
        meter.Dispose();
        Assert.Equal([1f, 0f], norm.RunningMean!.Value.ToArray());
        Assert.Equal(0, norm.NumBatchesTracked!.Value.ToArray<long>()[0]);
    }

    [Fact]
    public void Gradient_norms_are_means_over_losses_by_layer_and_leave_the_gradients_of_training_alone()
    {
        var layer = WeightNorm.Apply(new Linear(2, 1, bias: true, random: new RandomStream(1)));
        var net = new Sequential(layer, new Linear(1, 1, bias: false, random: new RandomStream(2)));
        var meter = new GradientMeter(net);
        double[] first = new double[2], second = new double[2];
        foreach (var (x, norms) in new[] { (Tensor.From([1f, 2f], [1, 2]), first), (Tensor.From([-3f, 1f], [1, 2]), second) })
        {
            net.ZeroGrad();
            net.Forward(x).Sum().Backward();
            foreach (var (path, parameter) in net.NamedParameters())
                norms[path[0] - '0'] += parameter.Grad!.ToArray<double>().Sum(g => g * g);
            net.ZeroGrad();
            meter.Add(net.Forward(x).Sum());
            Assert.All(net.Parameters(), parameter => Assert.Null(parameter.Grad));
        }
        var measured = meter.Norms.ToArray();
        Assert.Equal([("0", "Linear"), ("1", "Linear")], measured.Select(layer => (layer.Name, layer.Type)));
        for (int i = 0; i < 2; i++)
            Assert.Equal((Math.Sqrt(first[i]) + Math.Sqrt(second[i])) / 2, measured[i].Norm, 1e-6);
        Assert.Equal((Math.Sqrt(first.Sum()) + Math.Sqrt(second.Sum())) / 2, meter.Whole, 1e-6);
    }

    [Theory]
    [InlineData("ghost", 48, 20)]
    [InlineData("bn", 100, 10)]
    [InlineData("bn", 1, 1)]
    public void Few_test_images_are_no_obstacle(string norm, int batch, int testImages)
    {
        var (_, probe) = Trained(norm, batch, trainImages: 100, testImages);
        Assert.True(double.IsFinite(probe.Evaluate(new Score(1, 50)).Batch.Loss));
    }

    private static (Trainer Trainer, Probe Probe) Trained(string norm, int batch, int trainImages = 24, int testImages = 12)
    {
        var settings = new TrainSettings { Model = "resnet8", Norm = norm, Epochs = 1, BatchSize = batch, LearningRate = 0.01 };
        var data = SyntheticImages.Load(0, trainImages, testImages);
        var trainer = new Trainer(settings, data.Train, data.Test);
        _ = trainer.Run().ToArray();
        return (trainer, new Probe(trainer, data.Train, data.Test));
    }

    private static (double, double, double, double) Numbers(EpochRecord e) => (e.TrainLoss, e.TrainError, e.TestLoss, e.TestError);

    private static double[][] State(Trainer trainer) =>
        [.. trainer.Model.StateDict().Concat(trainer.Optimizer.StateDict()).Select(entry => entry.Value.ToArray<double>())];
}
