using CommandLine;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Options;

[Verb("train", HelpText = "train one model; write its metrics, curves and checkpoint")]
[Example("train", "ResNet-20 with batch normalization on synthetic images: needs no files")]
[Example("train --dataset cifar10 --data-dir data --download --norm gn --augment", "CIFAR-10 with group normalization")]
[Example("train --resume runs/train-20260101-120000", "go on with a run that was stopped, exactly as if it had not been")]
internal sealed class TrainOptions : RunOptions
{
    [Section("Model")]
    [Option("norm", MetaValue = "NAME", HelpText = "bn, gn, ln, in, wn, none, rms, lrn, lp1, lp2, lpinf, ghost, brn, "
        + "wn-mbn, ws, frn, evonorm-s0, evonorm-b0, dyt, fixup or skipinit")]
    public string? Norm { get; set; }

    [Section("Training")]
    [Option("batch-size", MetaValue = "N", HelpText = "images in a step")]
    public int? BatchSize { get; set; }

    [Section("Training")]
    [Option("lr", MetaValue = "X", HelpText = "learning rate before the schedule (default: 0.1 · batch size / 128)")]
    public double? LearningRate { get; set; }

    [Section("Checkpoints")]
    [Option("checkpoint-every", MetaValue = "N", Default = 1, HelpText = "epochs between checkpoints; also at Ctrl-C")]
    public int CheckpointEvery { get; set; } = 1;

    [Section("Checkpoints")]
    [Option("resume", MetaValue = "DIR", HelpText = "go on with the run in this folder, with the settings of its config.json")]
    public string? Resume { get; set; }

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        RequireNamed("resume", Resume);
        Require(CheckpointEvery >= 1, "checkpoint-every", CheckpointEvery, "1 or more");
    }

    /// <inheritdoc/>
    public override TrainSettings ApplyTo(TrainSettings settings)
    {
        int batch = BatchSize ?? settings.BatchSize;
        return base.ApplyTo(settings) with
        {
            Norm = Norm ?? settings.Norm,
            BatchSize = batch,
            LearningRate = LearningRate ?? (BatchSize is null ? settings.LearningRate : TrainSettings.ScaledLearningRate(batch)),
        };
    }
}
