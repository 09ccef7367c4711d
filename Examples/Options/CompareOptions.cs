using CommandLine;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Options;

[Verb("compare", HelpText = "train with every norm at every batch size and draw error against batch size")]
[Example("compare", "BN against GN on synthetic images, within three minutes: needs no files")]
[Example("compare --model resnet20 --dataset cifar10 --epochs 30 --seeds 3 --augment --out runs/cifar", "the real thing")]
[Example("compare --norms bn,gn,ln,in --batch-sizes 4,32", "more norms, fewer batch sizes")]
internal sealed class CompareOptions : RunOptions
{
    [Section("Comparison")]
    [Option("norms", MetaValue = "LIST", Default = "bn,gn", HelpText = "bn, gn, ln, in, wn, none, rms, lrn, lp1, lp2, lpinf, ghost, brn, "
        + "wn-mbn, ws, frn, evonorm-s0, evonorm-b0, dyt, fixup, skipinit")]
    public string Norms { get; set; } = "bn,gn";

    [Section("Comparison")]
    [Option("batch-sizes", MetaValue = "LIST", Default = "2,4,8,16,32", HelpText = "batch sizes")]
    public string BatchSizes { get; set; } = "2,4,8,16,32";

    [Section("Comparison")]
    [Option("seeds", MetaValue = "N", Default = 1, HelpText = "runs of each, with seeds --seed, --seed + 1, …")]
    public int Seeds { get; set; } = 1;

    [Section("Comparison")]
    [Option("base-lr", MetaValue = "X", Default = 0.1, HelpText = "learning rate at the base batch; proportional to the batch")]
    public double BaseLearningRate { get; set; } = 0.1;

    [Section("Comparison")]
    [Option("base-batch", MetaValue = "N", Default = 128, HelpText = "base batch size")]
    public int BaseBatch { get; set; } = 128;

    [Section("Comparison")]
    [Option("parallel", MetaValue = "N", Default = 0, HelpText = "runs at once; 0: as many as threads where batches are too small for "
        + "several threads, else one; results do not depend on it")]
    public int Parallel { get; set; }

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        Require(Seeds is >= 1 and <= 1000, "seeds", Seeds, "between 1 and 1000");
        Require(Parallel is >= 0 and <= 1024, "parallel", Parallel, "between 0 and 1024");
        Require(BaseBatch >= 1, "base-batch", BaseBatch, "1 or more");
        Require(double.IsFinite(BaseLearningRate) && BaseLearningRate > 0, "base-lr", BaseLearningRate, "above 0");
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
            LearningRate = TrainSettings.ScaledLearningRate(batchSize, BaseLearningRate, BaseBatch),
        };
    }
}
