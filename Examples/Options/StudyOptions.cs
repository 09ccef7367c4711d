using CommandLine;
using MiniDL.Examples.Output;
using MiniDL.Examples.Studies;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Options;

[Verb("study", HelpText = "repeat an experiment of a paper; without a name, list them")]
[Example("study", "which experiments there are")]
[Example("study deep-mlp", "a deep net's activations, without and with BN; needs no files")]
[Example("study deep-mlp --full --out runs/deep-mlp", "the paper's settings")]
[Note("A study ends within three minutes on two cores. It leaves report.html, a page that needs nothing else, the pictures as PNG and")]
[Note("SVG, and the numbers as CSV. Where a dataset is absent, fashion-mnist stands in for mnist, and synthetic images for any: that")]
[Note("is said, and findings about images are inconclusive. `data NAME --download` fetches one. A study that trains")]
[Note("nothing takes no --device.")]
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
    public ulong? Seed { get; set; }

    [Section("Study")]
    [Option("device", MetaValue = "NAME", HelpText = "cpu or cuda (default: cpu)")]
    public string? Device { get; set; }

    [Section("Study")]
    [Option("precision", MetaValue = "NAME", HelpText = "on cuda: tf32 (convolutions on tensor cores), fp32 or bf16 (images stored in 16 bits) (default: tf32)")]
    public string? Precision { get; set; }

    [Section("Data")]
    [Option("data-dir", MetaValue = "DIR", HelpText = "where the datasets' files or archives are (default: data)")]
    public string? DataDirectory { get; set; }

    [Section("General")]
    [Option("out", MetaValue = "DIR", HelpText = "output folder (default: runs/study-NAME-TIME)")]
    public string? Out { get; set; }

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        RequireKnown("device", Device, "cpu", "cuda");
        RequireKnown("precision", Precision, DeviceChoice.Precisions);
        RequireNamed("out", Out);
        RequireNamed("data-dir", DataDirectory);
        if (Full && Smallest) throw new UsageException("--full and --smallest exclude each other.");
        if (Study is null) RefuseForList();
        else RefuseFor(StudyTable.Find(Study) ?? throw new UsageException(
            $"there is no study '{Quote.Text(Study)}'; choose one of {StudyTable.Names}.{DidYouMean.Among(Study, StudyTable.All.Select(study => study.Name))}"));
    }

    /// <summary>The command line that runs this study again.</summary>
    public ShellCommand CommandLine(bool full, bool smallest) => new ShellCommand("study", Study!)
        .Option("seed", Seed).Option("device", Device).Option("precision", Precision).Option("data-dir", DataDirectory)
        .Flag("full", full).Flag("smallest", smallest);

    private void RefuseForList()
    {
        const string why = "is for one study, and none is named; without a name, all are listed.";
        RefuseWithoutEffect(true, "full", Full, why);
        RefuseWithoutEffect(true, "smallest", Smallest, why);
        RefuseWithoutEffect(true, "seed", Seed, why);
        RefuseWithoutEffect(true, "device", Device, why);
        RefuseWithoutEffect(true, "precision", Precision, why);
        RefuseWithoutEffect(true, "data-dir", DataDirectory, why);
        RefuseWithoutEffect(true, "out", Out, why);
        RefuseWithoutEffect(true, "quiet", Quiet, "leaves nothing of a list; leave it out, or name a study.");
    }

    private void RefuseFor(Study study)
    {
        if (Device is not (null or "cpu") && !study.Trains)
            throw new UsageException($"study {study.Name} trains nothing and runs on the CPU. Leave out --device {Device}.");
        RefuseWithoutEffect(!DeviceChoice.HasPrecisions(Device ?? "cpu"), "precision", Precision, DeviceChoice.HoldsForOthers);
        RefuseWithoutEffect(!study.ReadsData, "data-dir", DataDirectory, $"is for studies that read a dataset; {study.Name} needs none. Leave it out.");
        RefuseWithoutEffect(Smallest, "data-dir", DataDirectory, "has no effect beside --smallest, which takes synthetic images. Leave one of the two out.");
    }
}
