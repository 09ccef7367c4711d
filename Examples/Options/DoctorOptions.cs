using CommandLine;

namespace MiniDL.Examples.Options;

[Verb("doctor", HelpText = "check a device: every operator against naive loops in double precision, with errors and times")]
[Example("doctor --device cuda", "is this GPU, with its driver, right?")]
[Example("doctor --device cuda --batch 128 --precision tf32", "the same, and times at a size that fills it")]
internal sealed class DoctorOptions : CommonOptions
{
    [Section("Check")]
    [Option("device", MetaValue = "NAME", Default = "cpu", HelpText = "cpu or cuda")]
    public string Device { get; set; } = "cpu";

    [Section("Check")]
    [Option("precision", MetaValue = "NAME", HelpText = "on cuda: fp32, tf32 (convolutions on tensor cores) or bf16 (images stored in 16 bits) (default: fp32)")]
    public string? Precision { get; set; }

    [Section("Check")]
    [Option("batch", MetaValue = "N", Default = 4, HelpText = "images in a batch")]
    public int Batch { get; set; } = 4;

    [Section("Check")]
    [Option("repeat", MetaValue = "N", Default = 5, HelpText = "measurements of each time; 0 measures none")]
    public int Repeat { get; set; } = 5;

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        RequireKnown("device", Device, "cpu", "cuda");
        RequireKnown("precision", Precision, "fp32", "tf32", "bf16");
        RefuseWithoutEffect(Device != "cuda", "precision", Precision, "holds for --device cuda alone; leave it out.");
        Require(Batch is >= 2 and <= 4096, "batch", Batch, "between 2 and 4096");
        Require(Repeat is >= 0 and <= 10_000, "repeat", Repeat, "between 0 and 10000");
    }
}
