using CommandLine;
using MiniDL.Examples.Comparisons;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Options;

[Verb("compare", HelpText = "train with every norm at every batch size, look into every run, and write a report")]
[Example("compare", "BN against GN and weight standardization on synthetic images, within three minutes: needs no files")]
[Example("compare --model resnet20 --dataset cifar10 --epochs 30 --seeds 3 --augment --out runs/cifar", "the real thing")]
[Example("compare --norms bn,gn,ln,in --batch-sizes 4,32", "more norms, fewer batch sizes")]
[Note("Into the folder go report.html, its pictures, and the numbers: runs.csv an epoch a row, layers.csv a layer, "
    + "evaluation.csv a run, summary.csv a norm and batch size. Stopped, the same command with --out and the folder goes on; "
    + "more norms, batch sizes and seeds can be added so.")]
internal sealed class CompareOptions : RunOptions
{
    [Section("Comparison")]
    [Option("norms", MetaValue = "LIST", Default = "bn,gn,ws", HelpText = "{norms}")]
    public string Norms { get; set; } = "bn,gn,ws";

    [Section("Comparison")]
    [Option("batch-sizes", MetaValue = "LIST", Default = "2,4,8,16,32", HelpText = "batch sizes")]
    public string BatchSizes { get; set; } = "2,4,8,16,32";

    [Section("Comparison")]
    [Option("seeds", MetaValue = "N", Default = 1, HelpText = "runs of each, with seeds --seed, --seed + 1, …")]
    public int Seeds { get; set; } = 1;

    [Section("Comparison")]
    [Option("base-lr", MetaValue = "X", HelpText = "learning rate at the base batch; proportional to the batch with sgd, to its square root with adam and adamw (default: 0.1 for sgd, 0.001 for adam and adamw)")]
    public double? BaseRate { get; set; }

    [Section("Comparison")]
    [Option("base-batch", MetaValue = "N", Default = 128, HelpText = "base batch size")]
    public int BaseBatch { get; set; } = 128;

    [Section("Comparison")]
    [Option("parallel", MetaValue = "N", Default = 0, HelpText = "runs at once; 0: one on each thread where batches are too "
        + "small to be shared out, on cuda 4 of at most 32 images a batch, else one after another; results do not depend on it")]
    public int Parallel { get; set; }

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        Require(Seeds is >= 1 and <= 1000, "seeds", Seeds, "between 1 and 1000");
        Require(Parallel is >= 0 and <= 1024, "parallel", Parallel, "between 0 and 1024");
        Require(BaseBatch >= 1, "base-batch", BaseBatch, "1 or more");
        Require(BaseRate is null || (double.IsFinite(BaseRate.Value) && BaseRate > 0), "base-lr", BaseRate, "above 0");
    }

    /// <inheritdoc/>
    public override TrainSettings[] Fitting(TrainSettings[] runs, bool lists)
    {
        base.Fitting(runs, lists);
        if (TestImages == 1 && Array.Find(runs, NormFit.NeedsSeveralImages) is { } run)
            throw new UsageException($"--test-images 1 leaves {run.Norm} one value per channel in {run.Model}, which compare also tests with statistics of "
                + "the test images. Use 2 or more.");
        return runs;
    }

    /// <summary>The settings of the run with this norm, batch size and seed.</summary>
    public TrainSettings SettingsOf(string norm, int batchSize, ulong seed)
    {
        var settings = ApplyTo(CompareDefaults.For(Dataset));
        return settings with
        {
            Norm = norm,
            BatchSize = batchSize,
            Seed = seed,
            LearningRate = OptimizerChoice.Named(settings.Optimizer).ScaledRate(batchSize, BaseLearningRate, BaseBatch),
        };
    }

    /// <summary>The learning rate at the base batch.</summary>
    public double BaseLearningRate => BaseRate ?? OptimizerChoice.Named(Optimizer).Rate;

    /// <summary>The command line that does this comparison again: what differs from the defaults.</summary>
    public ShellCommand CommandLine(ComparisonSettings settings)
    {
        var choice = OptimizerChoice.Named(settings.Optimizer);
        var usual = CompareDefaults.For(settings.Dataset) with { WeightDecay = choice.WeightDecay };
        var defaults = ComparisonSettings.Of(usual, choice.Rate, OptimizerChoice.BaseBatch);
        var command = new ShellCommand("compare");
        void Add(string option, object? value, object? unchanged = null)
        {
            if (!Equals(value, unchanged)) command.Option(option, value);
        }
        Add("model", settings.Model, defaults.Model);
        Add("dataset", settings.Dataset, defaults.Dataset);
        Add("data-dir", DataDirectory);
        command.Flag("download", Download);
        Add("train-images", settings.TrainImages, defaults.TrainImages);
        Add("test-images", settings.TestImages, defaults.TestImages);
        command.Flag("augment", settings.Augment);
        Add("epochs", settings.Epochs, defaults.Epochs);
        Add("optimizer", settings.Optimizer, defaults.Optimizer);
        Add("clip-norm", settings.ClipNorm);
        Add("momentum", settings.Momentum, defaults.Momentum);
        Add("weight-decay", settings.WeightDecay, defaults.WeightDecay);
        Add("schedule", settings.Schedule, defaults.Schedule);
        Add("base-lr", settings.BaseLearningRate, defaults.BaseLearningRate);
        Add("base-batch", settings.BaseBatch, defaults.BaseBatch);
        Add("norms", Norms);
        Add("groups", settings.Groups, defaults.Groups);
        Add("virtual-batch", settings.VirtualBatch, defaults.VirtualBatch);
        Add("batch-sizes", BatchSizes);
        Add("seeds", Seeds, 1);
        Add("seed", Seed ?? 0, 0UL);
        Add("device", settings.Device, defaults.Device);
        Add("precision", settings.Precision);
        return command;
    }
}
