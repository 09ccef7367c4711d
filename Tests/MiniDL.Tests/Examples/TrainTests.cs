using MiniDL.Data;
using MiniDL.Examples.Training;
using MiniDL.Serialization;

namespace MiniDL.Tests.Examples;

public sealed class TrainTests : IDisposable
{
    private const string Train = $"train {Minidl.Small} --batch-size 10 ";

    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void A_run_leaves_metrics_settings_curves_and_weights()
    {
        Assert.Equal(0, _minidl.Run(Train + "--out @run"));
        Assert.Equal("epoch,step,train_loss,train_error,test_loss,test_error,lr,seconds,images_per_second",
            _minidl.Read("run/metrics.csv").Split('\n')[0]);
        var rows = _minidl.Rows("run/metrics.csv");
        Assert.Equal(["1", "2", "3"], rows.Select(row => row[0]));
        Assert.Equal(["4", "8", "12"], rows.Select(row => row[1]));
        Assert.Equal("0.0078125", rows[0][6]);
        Assert.Equal("7.8125E-05", rows[2][6]);
        Assert.Contains("\"epochs\": 3", _minidl.Read("run/config.json"), StringComparison.Ordinal);
        Assert.Contains("conv.weight", SafeTensors.Load(_minidl.Folder("run/checkpoint/model.safetensors")).Tensors.Keys);
        AssertPictures.ArePresent(_minidl.Folder("run/curves"));
        Assert.Contains("curves.png", _minidl.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_minidl.Folder("run"), "*.tmp", SearchOption.AllDirectories));
    }

    [Fact]
    public void Quiet_prints_nothing()
    {
        Assert.Equal(0, _minidl.Run(Train + "--quiet --out @run"));
        Assert.Empty(_minidl.Output + _minidl.Error);
    }

    [Fact]
    public void A_loss_that_is_not_finite_ends_the_run_with_one_line_and_keeps_what_was_reached()
    {
        Assert.Equal(1, _minidl.Run(Train + "--lr 1e30 --norm none --schedule none --out @run"));
        Assert.Matches(@"^error: the loss became \S+ in epoch \d, step \d, at learning rate 1E\+30: the first output that is not finite is that of \S+ \(\w+\), \S+ at \[.*\]; its input reaches to .*Where values grow from step to step, use a smaller .*\n$", _minidl.Error);
        Assert.StartsWith("epoch,", _minidl.Read("run/metrics.csv"), StringComparison.Ordinal);
        Assert.True(File.Exists(_minidl.Folder("run/config.json")));
    }

    [Fact]
    public void Detect_anomaly_ends_a_run_that_diverges_with_the_operator_the_module_and_the_line()
    {
        Assert.Equal(1, _minidl.Run(Train + "--lr 1e30 --norm none --schedule none --detect-anomaly --out @run"));
        Assert.Matches(@"^error: a value became NaN or infinite in epoch 1, step \d, at learning rate 1E\+30: \[\w+\] .*(forward|backward).* called at \w+\.cs:\d+"
            + @".* an overflow: .*[Oo]perand 0 \[.*Where values grow from step to step, use a smaller .*\n$", _minidl.Error);
        Assert.Empty(_minidl.Rows("run/metrics.csv"));
    }

    [Fact]
    public void A_run_that_is_looked_at_is_one_with_exact_convolutions_and_goes_on_as_such()
    {
        var settings = new TrainSettings { Model = "resnet8", Epochs = 2, BatchSize = 6, LearningRate = 0.05 };
        var data = SyntheticImages.Load(0, 24, 10);
        Assert.Equal(Losses(detect: false), Losses(detect: true));

        const string two = "train --model resnet8 --train-images 40 --test-images 20 --batch-size 10 --schedule none --epochs ";
        Assert.Equal(0, _minidl.Run(two + "1 --detect-anomaly --out @exact"));
        Assert.Equal(2, _minidl.Run("train --resume @exact --epochs 2"));
        Assert.Contains("convolutions Exact there, Fastest here. Exact convolutions come with --detect-anomaly", _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(0, _minidl.Run("train --resume @exact --epochs 2 --detect-anomaly"));
        Assert.Equal(0, _minidl.Run(two + "1 --out @fast"));
        Assert.Equal(2, _minidl.Run("train --resume @fast --epochs 2 --detect-anomaly"));
        Assert.Contains("--detect-anomaly needs exact convolutions", _minidl.Error, StringComparison.Ordinal);

        double[] Losses(bool detect)
        {
            using var exact = ConvDefaults.OnThisThread(ConvAlgorithm.Exact);
            return [.. new Trainer(settings, data.Train, data.Test, detectAnomaly: detect).Run().SelectMany(e => new[] { e.TrainLoss, e.TestLoss })];
        }
    }

    [Fact]
    public void Images_that_are_not_finite_are_blamed_without_a_word_of_learning_rates()
    {
        var e = DivergedException.Of(Anomaly(Tensor.From([1f, float.NaN], [2])), 1, 2, 0.1);
        Assert.EndsWith("Check the data and how it is scaled.", e.Advice("--lr", 0.1));
        Assert.Contains("use a smaller learning rate (--lr 0.01)", DivergedException.Of(Anomaly(Tensor.From([1f, 3e38f], [2])), 1, 2, 0.1).Advice("--lr", 0.1));

        static MiniDL.Diagnostics.AnomalyException Anomaly(Tensor x)
        {
            using var detection = Autograd.DetectAnomaly();
            return Assert.Throws<MiniDL.Diagnostics.AnomalyException>(() => x * 3);
        }
    }

    [Fact]
    public void A_test_loss_that_is_not_finite_after_the_last_update_is_a_divergence_too()
    {
        Assert.Equal(1, _minidl.Run("train --model resnet8 --train-images 64 --test-images 20 --batch-size 64 --epochs 1 --lr 1e30 --out @run"));
        Assert.StartsWith("error: the test loss became NaN in epoch 1, step 1,", _minidl.Error, StringComparison.Ordinal);
        Assert.Empty(_minidl.Rows("run/metrics.csv"));
    }

    [Theory]
    [InlineData("step:0.1")]
    [InlineData("none")]
    public void The_hint_after_a_divergence_is_a_tenth_of_the_rate_that_was_asked_for_whatever_the_schedule_makes_of_it(string schedule)
    {
        Assert.Equal(1, _minidl.Run(Train + $"--lr 3e30 --norm none --schedule {schedule} --out @run"));
        Assert.Contains("(--lr 3E+29)", _minidl.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_diverged_in_its_first_epoch_does_not_occupy_its_folder()
    {
        Assert.Equal(1, _minidl.Run(Train + "--lr 1e30 --norm none --out @run"));
        Assert.Empty(_minidl.Rows("run/metrics.csv"));
        Assert.Equal(0, _minidl.Run(Train + "--out @run"));
        Assert.Equal(3, _minidl.Rows("run/metrics.csv").Length);
    }

    [Fact]
    public void Results_without_a_checkpoint_are_made_again_with_the_same_settings_and_kept_from_others()
    {
        Assert.Equal(0, _minidl.Run(Train + "--out @run"));
        string[] losses = Losses("run");
        foreach (string path in Directory.GetFiles(_minidl.Folder("run/checkpoint"), "last*")) File.Delete(path);
        Assert.Equal(1, _minidl.Run("train --resume @run"));
        Assert.Contains("Start it again with the same settings and --out", _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(1, _minidl.Run(Train + "--seed 1 --out @run"));
        Assert.Contains("another --out", _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(losses, Losses("run"));
        Assert.Equal(0, _minidl.Run(Train + "--out @run"));
        Assert.Equal(losses, Losses("run"));
    }

    [Fact]
    public void Ctrl_C_leaves_whole_files_and_resume_goes_on_bit_for_bit()
    {
        Assert.Equal(0, _minidl.Run(Train + "--augment --out @whole"));
        Assert.Equal(130, _minidl.RunUntil("epoch   1/3", Train + "--augment --out @parts"));
        Assert.Contains("dotnet run -c Release --project Examples -- train --resume", _minidl.Output, StringComparison.Ordinal);
        Assert.Single(_minidl.Rows("parts/metrics.csv"));
        AssertPictures.ArePresent(_minidl.Folder("parts/curves"));

        Assert.Equal(0, _minidl.Run("train --resume @parts"));
        Assert.Equal(Losses("whole"), Losses("parts"));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(6)]
    public void A_checkpoint_within_an_epoch_or_its_evaluation_goes_on_bit_for_bit(int steps)
    {
        var settings = new TrainSettings
        {
            Model = "resnet8",
            Epochs = 2,
            BatchSize = 6,
            Augment = true,
            LearningRate = 0.05,
            Schedule = "cosine",
        };
        var data = SyntheticImages.Load(0, 24, 10);
        var whole = new Trainer(settings, data.Train, data.Test).Run().ToArray();

        using var stop = new CancellationTokenSource();
        var first = new Trainer(settings, data.Train, data.Test);
        var records = new List<EpochRecord>();
        void StopThere(StepReport step)
        {
            if (step.Step == steps) stop.Cancel();
        }
        Assert.ThrowsAny<OperationCanceledException>(() => records.AddRange(first.Run(StopThere, stop.Token)));
        Assert.Equal(steps, first.Position.Epoch * 4 + first.Position.Batch);
        string path = _minidl.Folder("checkpoint.safetensors");
        Checkpoint.Save(path, first);

        var second = new Trainer(settings, data.Train, data.Test);
        Checkpoint.Load(path, second);
        records.AddRange(second.Run());
        Assert.Equal(whole.Select(Numbers), records.Select(Numbers));
    }

    [Fact]
    public void A_checkpoint_is_not_written_over_a_good_one_with_values_that_are_not_finite()
    {
        var settings = new TrainSettings { Model = "mlp", Norm = "bn", TrainImages = 24, TestImages = 10, BatchSize = 6, Epochs = 2 };
        var data = SyntheticImages.Load(0, 24, 10);
        var trainer = new Trainer(settings, data.Train, data.Test);
        string path = _minidl.Folder("checkpoint.safetensors");
        Checkpoint.Save(path, trainer);
        byte[] good = File.ReadAllBytes(path);
        trainer.Model.StateDict()["1.norms.0.running_var"].MutableSpan()[3] = float.NaN;
        var error = Assert.Throws<MiniDLException>(() => Checkpoint.Save(path, trainer));
        Assert.Contains("model.1.norms.0.running_var (NaN at [3]) is not finite", error.Message, StringComparison.Ordinal);
        Assert.Throws<MiniDLException>(() => Checkpoint.SaveModel(path, trainer.Model));
        Assert.Equal(good, File.ReadAllBytes(path));
    }

    [Fact]
    public void Resuming_with_other_settings_is_refused()
    {
        Assert.Equal(130, _minidl.RunUntil("epoch   1/3", Train + "--out @run"));
        Assert.Equal(2, _minidl.Run("train --resume @run --epochs 5 --norm gn"));
        Assert.Contains("epochs 3 there, 5 here", _minidl.Error, StringComparison.Ordinal);
        Assert.Contains("norm bn there, gn here", _minidl.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Epochs_after_the_last_checkpoint_are_trained_again()
    {
        Assert.Equal(0, _minidl.Run(Train + "--out @whole"));
        Assert.Equal(130, _minidl.RunUntil("epoch   1/3", Train + "--out @parts"));
        File.AppendAllText(_minidl.Folder("parts/metrics.csv"), "2,6,1,2,3,4,5,6,7\n3,9,1");
        Assert.Equal(0, _minidl.Run("train --resume @parts"));
        Assert.Equal(Losses("whole"), Losses("parts"));
    }

    [Fact]
    public void A_folder_with_a_run_is_not_overwritten()
    {
        Assert.Equal(0, _minidl.Run(Train + "--out @run"));
        string before = _minidl.Read("run/metrics.csv");
        Assert.Equal(1, _minidl.Run(Train + "--seed 1 --out @run"));
        Assert.Contains("--resume", _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(before, _minidl.Read("run/metrics.csv"));
    }

    private string[] Losses(string run) => [.. _minidl.Rows($"{run}/metrics.csv").Select(row => string.Join(" ", row[..7]))];

    private static (int, double, double, double, double, double) Numbers(EpochRecord r) =>
        (r.Step, r.TrainLoss, r.TrainError, r.TestLoss, r.TestError, r.LearningRate);
}
