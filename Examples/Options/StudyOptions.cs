using CommandLine;
using MiniDL.Examples.Output;

namespace MiniDL.Examples.Options;

[Verb("study", HelpText = "repeat an experiment of a paper; without a name, list them")]
[Example("study", "which experiments there are")]
[Example("study deep-mlp", "a deep net's activations, without and with BN; needs no files")]
[Example("study deep-mlp --full --out runs/deep-mlp", "the paper's settings")]
[Note("A study ends within two minutes on two cores. It leaves report.html, a page that needs nothing else, the pictures as PNG and")]
[Note("SVG, and the numbers as CSV. Where a dataset is absent, fashion-mnist stands in for mnist, and synthetic images for any: that")]
[Note("is said, and findings about images are inconclusive. `data NAME --download` fetches one. deep-mlp, feature-scaling and")]
[Note("invariance train nothing: they take no --device.")]
internal sealed class StudyOptions : CommonOptions
{
    [Value(0, MetaName = "NAME", HelpText = "the study; all are listed when left out")]
    public string? Study { get; set; }

    [Section("Study")]
    [Option("full", HelpText = "the paper's settings, where they can be had; may take hours")]
    public bool Full { get; set; }

    [Section("Study")]
    [Option("smallest", HelpText = "the least that runs: seconds, on synthetic images; the numbers mean little")]
    public bool Smallest { get; set; }

    [Section("Study")]
    [Option("seed", MetaValue = "N", HelpText = "seed of all random numbers (default: 0)")]
    public ulong Seed { get; set; }

    [Section("Study")]
    [Option("device", MetaValue = "NAME", Default = "cpu", HelpText = "cpu or cuda")]
    public string Device { get; set; } = "cpu";

    [Section("Study")]
    [Option("precision", MetaValue = "NAME", Default = "tf32", HelpText = "on cuda: tf32 (convolutions on tensor cores), fp32 or bf16 (images stored in 16 bits)")]
    public string Precision { get; set; } = "tf32";

    [Section("Data")]
    [Option("data-dir", MetaValue = "DIR", HelpText = "where the datasets' files or archives are (default: data)")]
    public string DataDirectory { get; set; } = "data";

    [Section("General")]
    [Option("out", MetaValue = "DIR", HelpText = "output folder (default: runs/study-NAME-TIME)")]
    public string? Out { get; set; }

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        Require(Device is "cpu" or "cuda", "device", Device, "cpu or cuda");
        Require(Precision is "fp32" or "tf32" or "bf16", "precision", Precision, "fp32, tf32 or bf16");
        RequireNamed("out", Out);
        RequireNamed("data-dir", DataDirectory);
        if (Full && Smallest) throw new UsageException("--full and --smallest exclude each other.");
    }
}
