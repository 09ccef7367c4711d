using CommandLine;
using MiniDL.Data;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Options;

/// <summary>
/// What <c>train</c> and <c>compare</c> share: everything about a run but its norm, batch size and learning rate. Options that
/// are not given are null; their defaults stand in <see cref="TrainSettings"/> alone.
/// </summary>
internal abstract class RunOptions : CommonOptions
{
    [Section("Model")]
    [Option("model", MetaValue = "NAME", HelpText = "{models}")]
    public string? Model { get; set; }

    [Section("Model")]
    [Option("groups", MetaValue = "N", HelpText = "groups of {norms with groups}")]
    public int? Groups { get; set; }

    [Section("Model")]
    [Option("virtual-batch", MetaValue = "N", HelpText = "images that share statistics in ghost")]
    public int? VirtualBatch { get; set; }

    [Section("Data")]
    [Option("dataset", MetaValue = "NAME", HelpText = "{datasets}")]
    public string? Dataset { get; set; }

    [Section("Data")]
    [Option("data-dir", MetaValue = "DIR", HelpText = "where the dataset's files or archive are (default: data)")]
    public string? DataDirectory { get; set; }

    [Section("Data")]
    [Option("download", HelpText = "download the dataset if it is not there")]
    public bool Download { get; set; }

    [Section("Data")]
    [Option("train-images", MetaValue = "N", HelpText = "train on the first N images")]
    public int? TrainImages { get; set; }

    [Section("Data")]
    [Option("test-images", MetaValue = "N", HelpText = "test on the first N images")]
    public int? TestImages { get; set; }

    [Section("Data")]
    [Option("augment", HelpText = "pad by 4, random crop and flip of the training images (digits are not flipped)")]
    public bool Augment { get; set; }

    [Section("Training")]
    [Option("epochs", MetaValue = "N", HelpText = "passes over the training images")]
    public int? Epochs { get; set; }

    [Section("Training")]
    [Option("optimizer", MetaValue = "NAME", HelpText = "{optimizers}")]
    public string? Optimizer { get; set; }

    [Section("Training")]
    [Option("clip-norm", MetaValue = "X", HelpText = "scale gradients down where they are longer together than X (default: not)")]
    public double? ClipNorm { get; set; }

    [Section("Training")]
    [Option("momentum", MetaValue = "X", HelpText = "momentum of SGD")]
    public double? Momentum { get; set; }

    [Section("Training")]
    [Option("weight-decay", MetaValue = "X", HelpText = "weight decay, on every parameter (default: 0.0001; adamw, which decouples it from the gradient: 0.01)")]
    public double? WeightDecay { get; set; }

    [Section("Training")]
    [Option("schedule", MetaValue = "S", HelpText = "none, step:0.5,0.8 (× 0.1 at those fractions), cosine, warmup:0.05,cosine")]
    public string? Schedule { get; set; }

    [Section("Training")]
    [Option("seed", MetaValue = "N", HelpText = "seed of weights, order and augmentation")]
    public ulong? Seed { get; set; }

    [Section("General")]
    [Option("device", MetaValue = "NAME", HelpText = "cpu, cuda (an NVIDIA GPU), or reference (naive loops in double: slow)")]
    public string? Device { get; set; }

    [Section("General")]
    [Option("precision", MetaValue = "NAME", HelpText = "on cuda: tf32 (default, as PyTorch: convolutions on tensor cores), fp32, or bf16 (images stored in 16 bits)")]
    public string? Precision { get; set; }

    [Section("General")]
    [Option("out", MetaValue = "DIR", HelpText = "output folder (default: runs/VERB-TIME)")]
    public string? Out { get; set; }

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        RequireNamed("out", Out);
        RequireNamed("data-dir", DataDirectory);
    }

    /// <summary>These options over other settings: what is given here wins.</summary>
    public virtual TrainSettings ApplyTo(TrainSettings settings) => settings with
    {
        Model = Model ?? settings.Model,
        Groups = Groups ?? settings.Groups,
        VirtualBatch = VirtualBatch ?? settings.VirtualBatch,
        Dataset = Dataset ?? settings.Dataset,
        TrainImages = TrainImages ?? settings.TrainImages,
        TestImages = TestImages ?? settings.TestImages,
        Augment = Augment || settings.Augment,
        Epochs = Epochs ?? settings.Epochs,
        Momentum = Momentum ?? settings.Momentum,
        WeightDecay = WeightDecay ?? (Optimizer is null ? settings.WeightDecay : OptimizerChoice.Named(Optimizer).WeightDecay),
        Optimizer = Optimizer ?? settings.Optimizer,
        ClipNorm = ClipNorm ?? settings.ClipNorm,
        Schedule = Schedule ?? settings.Schedule,
        Seed = Seed ?? settings.Seed,
        Device = Device ?? settings.Device,
        Precision = Precision ?? settings.Precision,
        Convolutions = ConvDefaults.Algorithm.ToString(),
    };

    /// <summary>Refuses what was given and does nothing for any of these runs, and norms that do not go with model or batch.</summary>
    /// <param name="lists">Whether norms and batch sizes are given as lists: <c>--norms</c>, <c>--batch-sizes</c>.</param>
    /// <exception cref="UsageException">The message names the option.</exception>
    public virtual TrainSettings[] Fitting(TrainSettings[] runs, bool lists)
    {
        var run = runs[0];
        RefuseWithoutEffect(!DeviceChoice.HasPrecisions(run.Device), "precision", Precision, DeviceChoice.HoldsForOthers);
        RefuseWithoutEffect(run.Optimizer != "sgd", "momentum", Momentum, "is for --optimizer sgd; leave it out.");
        const string drawn = "is for datasets in files; synthetic images are drawn. Name another --dataset, or leave it out.";
        RefuseWithoutEffect(run.Dataset == "synthetic", "data-dir", DataDirectory, drawn);
        RefuseWithoutEffect(run.Dataset == "synthetic", "download", Download, drawn);
        NormFit.Check(runs, Groups, VirtualBatch, lists);
        return runs;
    }

    /// <summary>
    /// Where the data comes from and how much of it. The seed is not passed on: like real images, the synthetic ones are the same
    /// in every run.
    /// </summary>
    public DatasetOptions DataOptions(TrainSettings settings) => new()
    {
        DataDirectory = DataDirectory ?? "data",
        Download = Download,
        TrainImages = settings.TrainImages,
        TestImages = settings.TestImages,
    };
}
