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
    [Option("precision", MetaValue = "NAME", Default = "fp32", HelpText = "on cuda: fp32, tf32 (convolutions on tensor cores) or bf16 (images stored in 16 bits)")]
    public string Precision { get; set; } = "fp32";

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
        Require(Device is "cpu" or "cuda", "device", Device, "cpu or cuda");
        Require(Precision is "fp32" or "tf32" or "bf16", "precision", Precision, "fp32, tf32 or bf16");
        Require(Batch is >= 2 and <= 4096, "batch", Batch, "between 2 and 4096");
        Require(Repeat is >= 0 and <= 10_000, "repeat", Repeat, "between 0 and 10000");
    }
}
