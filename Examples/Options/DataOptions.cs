using CommandLine;

namespace MiniDL.Examples.Options;

[Verb("data", HelpText = "list the datasets, or fetch, verify and describe one")]
[Example("data", "what there is, and what is there already")]
[Example("data cifar10 --data-dir data --download", "fetch CIFAR-10, check it and show some images of each class")]
[Note("Nothing is computed on a device: there is no --device.")]
internal sealed class DataOptions : CommonOptions
{
    [Value(0, MetaName = "DATASET", HelpText = "synthetic, cifar10, cifar100, mnist or fashion-mnist; all when left out")]
    public string? Dataset { get; set; }

    [Section("Data")]
    [Option("data-dir", MetaValue = "DIR", HelpText = "where the files or archives are (default: data)")]
    public string DataDirectory { get; set; } = "data";

    [Section("Data")]
    [Option("download", HelpText = "download the dataset if it is not there")]
    public bool Download { get; set; }

    [Section("Data")]
    [Option("seed", MetaValue = "N", HelpText = "seed of the synthetic images (default: 0)")]
    public ulong Seed { get; set; }

    [Section("Data")]
    [Option("out", MetaValue = "DIR", HelpText = "folder for the contact sheet (default: runs/data-TIME)")]
    public string? Out { get; set; }

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        RequireNamed("out", Out);
        RequireNamed("data-dir", DataDirectory);
    }
}
