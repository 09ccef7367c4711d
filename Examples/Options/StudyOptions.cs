using CommandLine;
using MiniDL.Examples.Output;

namespace MiniDL.Examples.Options;

[Verb("study", HelpText = "repeat an experiment of a paper; without a name, list them")]
[Example("study", "which experiments there are")]
[Example("study deep-mlp", "a deep net's activations, without and with BN; needs no files")]
[Example("study deep-mlp --full --out runs/deep-mlp", "the paper's settings")]
[Note("A study ends within two minutes on two cores. It leaves report.html, a page that needs nothing else, the pictures as PNG and")]
[Note("SVG, and the numbers as CSV. Where a dataset is absent, fashion-mnist stands in for mnist, and synthetic images for any; the")]
[Note("page says so. `data NAME --download` fetches one. Everything runs on the CPU: there is no --device.")]
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
        RequireNamed("out", Out);
        RequireNamed("data-dir", DataDirectory);
        if (Full && Smallest) throw new UsageException("--full and --smallest exclude each other.");
    }
}
