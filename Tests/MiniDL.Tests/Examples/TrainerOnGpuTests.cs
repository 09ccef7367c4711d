using MiniDL.Data;
using MiniDL.Examples.Training;
using MiniDL.Layers;
using MiniDL.Optim;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Examples;

/// <summary>The training loop on a GPU, which looks at a step while the next one runs: nothing else may differ.</summary>
public sealed class TrainerOnGpuTests : IDisposable
{
    private static readonly TrainSettings Settings = new()
    {
        Model = "mlp",
        Device = "cuda",
        Precision = "fp32",
        BatchSize = 4,
        Epochs = 2,
        LearningRate = 0.05,
        Augment = true,
    };

    private readonly Dataset _train = Images(18), _test = Images(4);
    private readonly string _checkpoint = Path.GetTempFileName();

    public void Dispose() => File.Delete(_checkpoint);

    private static ImageDataset Images(int count)
    {
        byte[] pixels = [.. Enumerable.Range(0, count * 3 * 6 * 5).Select(i => (byte)(i * 37 + i / 11))];
        return new ImageDataset("few", pixels, [3, 6, 5], [.. Enumerable.Range(0, count).Select(i => (long)(i % 3))], ["a", "b", "c"]);
    }

    [GpuFact]
    public void Every_step_is_counted_once_with_its_own_loss_and_the_last_incomplete_batch_is_left_out()
    {
        var trainer = new Trainer(Settings, _train, _test);
        var reports = new List<StepReport>();
        EpochRecord[] epochs = [.. trainer.Run(reports.Add)];
        Assert.Equal(Enumerable.Range(1, 8), reports.Select(report => report.Step));
        Assert.Equal([1, 1, 1, 1, 2, 2, 2, 2], reports.Select(report => report.Epoch));

        double[] losses = StepByStep();
        for (int step = 0; step < 8; step++)
            Assert.Equal(losses[(step / 4 * 4)..(step + 1)].Average(), reports[step].Loss, 1e-6);
        Assert.Equal(losses[..4].Average(), epochs[0].TrainLoss, 1e-6);
        Assert.Equal(losses[4..].Average(), epochs[1].TrainLoss, 1e-6);
    }

    [GpuTheory, InlineData(1), InlineData(2), InlineData(4), InlineData(6)]
    public void A_run_that_is_stopped_at_any_step_goes_on_to_the_same_bits(int stopAfter)
    {
        var whole = new Trainer(Settings, _train, _test);
        EpochRecord[] expected = [.. whole.Run()];

        using var stop = new CancellationTokenSource();
        var stopped = new Trainer(Settings, _train, _test);
        var epochs = new List<EpochRecord>();
        Assert.Throws<OperationCanceledException>(() => epochs.AddRange(stopped.Run(report =>
        {
            if (report.Step == stopAfter) stop.Cancel();
        }, stop.Token)));
        Checkpoint.Save(_checkpoint, stopped);
        var resumed = new Trainer(Settings, _train, _test);
        Checkpoint.Load(_checkpoint, resumed);
        epochs.AddRange(resumed.Run());

        Assert.Equal(expected.Select(Numbers), epochs.Select(Numbers));
        foreach (var (name, value) in whole.Model.StateDict())
            Assert.True(value.ToArray().SequenceEqual(resumed.Model.StateDict()[name].ToArray()), name);
    }

    [GpuFact]
    public void A_loss_that_is_not_finite_is_reported_for_its_own_step()
    {
        var settings = Settings with { LearningRate = 1e20 };
        int steps = 0;
        var trainer = new Trainer(settings, _train, _test);
        var error = Assert.Throws<DivergedException>(() => trainer.Run(report => steps = report.Step).Count());
        Assert.Equal(steps + 1, error.Step);
        Assert.InRange(error.Step, 2, 4);
    }

    private static (int, double, double, double, double) Numbers(EpochRecord e) =>
        (e.Step, e.TrainLoss, e.TrainError, e.TestLoss, e.TestError);

    /// <summary>The losses of the same run, each read before the next step.</summary>
    private double[] StepByStep()
    {
        var device = Device.Cuda;
        var random = new RandomStream(Settings.Seed);
        var model = Models.Create("mlp", NormFactory.Named("bn"), random.Fork("weights"), _train.InputShape, _train.Classes).To(device);
        var sgd = new Sgd(model.Parameters(), 1, 0.9f, weightDecay: 1e-4f);
        var schedule = Schedule.Parse(Settings.Schedule);
        var batches = new DataLoader(_train, 4, random.Fork("data"), dropLast: true, augmentation: Augmentation.PadCropFlip());
        var losses = new List<double>();
        for (int epoch = 0; epoch < 2; epoch++)
            foreach (var batch in batches.Epoch(epoch)) losses.Add(Step(batch));
        return [.. losses];

        double Step(Batch batch)
        {
            sgd.LearningRate = (float)(Settings.LearningRate * schedule.Factor(losses.Count / 8.0));
            var loss = Loss.CrossEntropy(model.Forward(batch.Images.To(device)), batch.Labels.To(device));
            sgd.ZeroGrad();
            loss.Backward();
            sgd.Step();
            return loss.Item();
        }
    }
}
