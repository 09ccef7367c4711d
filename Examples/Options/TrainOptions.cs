using CommandLine;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Options;

[Verb("train", HelpText = "train one model; write its metrics, curves and checkpoint")]
[Example("train", "ResNet-20 with batch normalization on synthetic images: needs no files")]
[Example("train --dataset cifar10 --data-dir data --download --norm gn --augment", "CIFAR-10 with group normalization")]
[Example("train --resume runs/train-20260101-120000", "go on with a run that was stopped, exactly as if it had not been")]
[Example("train --resume runs/train-20260101-120000 --epochs 30", "go on with a finished run for more epochs")]
[Note("Into the folder go metrics.csv, an epoch a row; config.json; curves.png; and in checkpoint/: last.safetensors and the two before it,")]
[Note("best.safetensors of the epoch with the lowest validation error (test error without --validation), at the end model.safetensors.")]
internal sealed class TrainOptions : RunOptions
{
    [Section("Model")]
    [Option("norm", MetaValue = "NAME", HelpText = "{norms}")]
    public string? Norm { get; set; }

    [Section("Training")]
    [Option("batch-size", MetaValue = "N", HelpText = "images in a step")]
    public int? BatchSize { get; set; }

    [Section("Training")]
    [Option("lr", MetaValue = "X", HelpText = "learning rate before the schedule (default: 0.1 · batch size / 128 for sgd, 0.001 · √(batch size / 128) for adam and adamw)")]
    public double? LearningRate { get; set; }

    [Section("Training")]
    [Option("detect-anomaly", HelpText = "end at the first value that is NaN or infinite, in forward or backward, and say which operator made it "
        + "of what; takes longer, with exact convolutions")]
    public bool DetectAnomaly { get; set; }

    [Section("Data")]
    [Option("validation", MetaValue = "N", HelpText = "hold out the last N training images to choose best.safetensors by (default: none, "
        + "the test images choose)")]
    public int? Validation { get; set; }

    [Section("Checkpoints")]
    [Option("checkpoint-every", MetaValue = "N", HelpText = "epochs between checkpoints, or minutes: 5m; also at Ctrl-C (default: 1)")]
    public string CheckpointEvery { get; set; } = "1";

    [Section("Checkpoints")]
    [Option("resume", MetaValue = "DIR", HelpText = "go on with the run in this folder, or from one of its checkpoint files, with the "
        + "settings of its config.json")]
    public string? Resume { get; set; }

    [Section("General")]
    [Option("summary", HelpText = "print first what every module of the model gives, holds and costs at this batch size")]
    public bool Summary { get; set; }

    [Section("General")]
    [Option("trace", MetaValue = "FILE", HelpText = "record three steps, 11 to 13 where there are so many, operator by operator, for ui.perfetto.dev or chrome://tracing")]
    public string? Trace { get; set; }

    /// <summary>When checkpoints are written.</summary>
    public CheckpointInterval Interval => CheckpointInterval.Parse(CheckpointEvery);

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        RequireNamed("resume", Resume);
        RequireFile("trace", Trace);
        _ = Interval;
    }

    /// <inheritdoc/>
    public override TrainSettings[] Fitting(TrainSettings[] runs, bool lists)
    {
        RefuseWithoutEffect(DeviceKind.Named(runs[0].Device).IsAsynchronous, "trace", Trace, TraceFile.ForHostsAlone);
        return base.Fitting(runs, lists);
    }

    /// <inheritdoc/>
    public override TrainSettings ApplyTo(TrainSettings settings)
    {
        int batch = BatchSize ?? settings.BatchSize;
        var applied = base.ApplyTo(settings);
        var optimizer = OptimizerChoice.Named(applied.Optimizer);
        bool isScaled = BatchSize is not null || applied.Optimizer != settings.Optimizer;
        return applied with
        {
            Norm = Norm ?? settings.Norm,
            Validation = Validation ?? settings.Validation,
            Convolutions = DetectAnomaly ? nameof(ConvAlgorithm.Exact) : applied.Convolutions,
            BatchSize = batch,
            LearningRate = LearningRate ?? (isScaled ? optimizer.ScaledRate(batch, optimizer.Rate) : settings.LearningRate),
        };
    }
}
