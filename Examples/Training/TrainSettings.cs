using MiniDL.Data;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Layers;

namespace MiniDL.Examples.Training;

/// <summary>
/// Everything that the result of a run depends on, with the defaults of <c>train</c>; two runs with equal settings on one
/// machine give equal results, bit for bit. Written to <c>config.json</c>.
/// </summary>
internal sealed record TrainSettings
{
    public string Model { get; init; } = "resnet20";
    public string Norm { get; init; } = "bn";
    public int Groups { get; init; } = 8;
    public int VirtualBatch { get; init; } = 16;
    public string Dataset { get; init; } = "synthetic";

    /// <summary>How many training images are used; null for all.</summary>
    public int? TrainImages { get; init; }

    /// <summary>How many test images are used; null for all.</summary>
    public int? TestImages { get; init; }

    /// <summary>How many of the training images, the last ones, are held out to choose the best epoch by; null for none.</summary>
    public int? Validation { get; init; }

    public bool Augment { get; init; }
    public int BatchSize { get; init; } = 128;
    public int Epochs { get; init; } = 10;

    /// <summary>sgd, adam or adamw.</summary>
    public string Optimizer { get; init; } = "sgd";

    /// <summary>The learning rate before the schedule's factor.</summary>
    public double LearningRate { get; init; } = OptimizerChoice.Named("sgd").Rate;

    public double Momentum { get; init; } = 0.9;
    public double WeightDecay { get; init; } = OptimizerChoice.Named("sgd").WeightDecay;

    /// <summary>The longest that all gradients together may be; null where they are not clipped.</summary>
    public double? ClipNorm { get; init; }

    public string Schedule { get; init; } = "step:0.5,0.8";
    public ulong Seed { get; init; }
    public string Device { get; init; } = "cpu";

    /// <summary>What a GPU computes convolutions in and stores images in: tf32, fp32 or bf16.</summary>
    public string Precision { get; init; } = "tf32";

    /// <summary>How convolutions are computed that name no way: <see cref="ConvDefaults.Algorithm"/>.</summary>
    public string Convolutions { get; init; } = ConvAlgorithm.Fastest.ToString();

    /// <summary>Checks what can be checked without model and data.</summary>
    /// <param name="lists">Whether norms and batch sizes are given as lists: <c>--norms</c>, <c>--batch-sizes</c>.</param>
    /// <exception cref="UsageException">A name is unknown or a number is out of its range.</exception>
    public TrainSettings Checked(bool lists = false)
    {
        RequireKnown("--model", Model, Models.Names);
        RequireKnown(lists ? "--norms" : "--norm", Norm, NormFactory.Names);
        RequireKnown("--dataset", Dataset, Datasets.Names);
        RequireKnown("--optimizer", Optimizer, OptimizerChoice.Names);
        RequireKnown("--device", Device, [.. DeviceKind.All.Select(kind => kind.Name)]);
        RequireKnown("--precision", Precision, DeviceChoice.Precisions);
        Require(Groups >= 1, "--groups", Groups, "1 or more");
        Require(VirtualBatch >= 1, "--virtual-batch", VirtualBatch, "1 or more");
        Require(BatchSize >= 1, "--batch-size", BatchSize, "1 or more");
        Require(Epochs >= 1, "--epochs", Epochs, "1 or more");
        Require(TrainImages is null or >= 1, "--train-images", TrainImages, "1 or more");
        Require(Validation is null or >= 1, "--validation", Validation, "1 or more");
        Require(TestImages is null or >= 1, "--test-images", TestImages, "1 or more");
        string rate = FormattableString.Invariant($"{LearningRate}");
        if ((float)LearningRate is not (> 0 and <= float.MaxValue))
            throw new UsageException(lists
                ? $"--base-lr makes a learning rate of {rate} for batch size {BatchSize}; it must be above 0, neither too small nor too large for a float."
                : $"--lr {rate} must be above 0, neither too small nor too large for a float.");
        Require(Momentum is >= 0 and < 1, "--momentum", Momentum, "at least 0 and below 1");
        Require(WeightDecay is >= 0 and <= float.MaxValue, "--weight-decay", WeightDecay, "0 or more, and a float");
        Require(ClipNorm is null or (> 0 and <= float.MaxValue), "--clip-norm", ClipNorm, "above 0, and a float");
        try
        {
            Optim.Schedule.Parse(Schedule);
        }
        catch (MiniDLException e)
        {
            throw new UsageException($"--schedule {Quote.Text(Schedule)}: {e.Message}{DidYouMean.Among(Schedule.Split(':')[0], ["none", "step", "cosine", "warmup"])}");
        }
        return this;
    }

    private static void Require(bool condition, string name, object? value, string rule)
    {
        if (!condition) throw new UsageException(FormattableString.Invariant($"{name} {value} must be {rule}."));
    }

    private static void RequireKnown(string name, string value, IReadOnlyList<string> known)
    {
        if (!known.Contains(value)) throw new UsageException($"{name} {Quote.Text(value)} is unknown; choose one of {string.Join(", ", known)}.{DidYouMean.Among(value, known)}");
    }
}
