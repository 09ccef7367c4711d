using CommandLine;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Options;

[Verb("doctor", HelpText = "check a device: every operator against naive loops in double precision, with errors and times")]
[Example("doctor --device cuda", "is this GPU, with its driver, right? And what did the driver make of the kernels?")]
[Example("doctor --device cuda --batch 128 --precision tf32,bf16", "the same, and times at a size that fills it")]
[Example("doctor --device cuda --bits resnet20", "does training give the same bits however a step is run?")]
internal sealed class DoctorOptions : CommonOptions
{
    /// <summary>Above it the naive loops take minutes.</summary>
    private const int MaxImagesOnReference = 16;

    [Section("Check")]
    [Option("device", MetaValue = "NAME", Default = "cpu", HelpText = "cpu or cuda")]
    public string Device { get; set; } = "cpu";

    [Section("Check")]
    [Option("precision", MetaValue = "LIST", HelpText = "on cuda: fp32, tf32 (convolutions on tensor cores), bf16 (images stored in 16 bits), or several of them (default: fp32; all three with --bits)")]
    public string? Precision { get; set; }

    [Section("Check")]
    [Option("batch", MetaValue = "N", Default = 4, HelpText = "images in a batch")]
    public int Batch { get; set; } = 4;

    [Section("Check")]
    [Option("against", MetaValue = "NAME", HelpText = "what operators are compared with: reference, naive loops in double precision on one thread, or on cuda cpu, which is held to it (default: reference up to batch 16 and for the CPU, cpu above)")]
    public string? Against { get; set; }

    [Section("Check")]
    [Option("repeat", MetaValue = "N", HelpText = "measurements of each time; 0 measures none (default: 5)")]
    public int? RepeatOption { get; set; }

    [Section("Check")]
    [Option("bits", MetaValue = "MODEL", HelpText = "instead of operators: train MODEL (as train takes it) for a few steps recorded, kernel by kernel, in line and on another stream, and compare the bits; on cuda alone")]
    public string? Bits { get; set; }

    public int Repeat => RepeatOption ?? 5;

    public string AgainstOrDefault => Against ?? (Device != "cpu" && Batch > MaxImagesOnReference ? "cpu" : "reference");

    /// <summary>What is checked, one after the other.</summary>
    public IReadOnlyList<Precision> Precisions() =>
        [.. ListOption.Precisions(Precision ?? (Bits is null || !DeviceChoice.HasPrecisions(Device) ? "fp32" : "fp32,tf32,bf16"))];

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        RequireKnown("device", Device, "cpu", "cuda");
        RequireKnown("against", Against, "reference", "cpu");
        RefuseWithoutEffect(!DeviceChoice.HasPrecisions(Device), "precision", Precision, DeviceChoice.HoldsForOthers);
        RefuseWithoutEffect(!DeviceKind.Named(Device).IsAsynchronous, "bits", Bits, "holds for --device cuda alone: the CPU records no steps. Leave it out.");
        RefuseWithoutEffect(Bits is not null, "against", Against, "holds for operators; leave it out with --bits.");
        RefuseWithoutEffect(Bits is not null, "repeat", RepeatOption, "holds for operators; leave it out with --bits.");
        if (Device == "cpu" && Against == "cpu") throw new UsageException("--against cpu compares the CPU with itself; leave it out.");
        _ = Precisions();
        if (Bits is not null) NormFit.Check([new TrainSettings { Model = Bits, Norm = "bn", BatchSize = Batch }], null, null, lists: false);
        Require(Batch is >= 2 and <= 4096, "batch", Batch, "between 2 and 4096");
        Require(Repeat is >= 0 and <= 10_000, "repeat", Repeat, "between 0 and 10000");
    }
}
