using CommandLine;
using MiniDL.Data;
using MiniDL.Examples.Output;

namespace MiniDL.Examples.Options;

[Verb("data", HelpText = "list the datasets, or fetch, verify and describe one")]
[Example("data", "what there is, and what is there already")]
[Example("data cifar10 --data-dir data --download", "fetch CIFAR-10, check it and show some images of each class")]
[Note("Nothing is computed on a device: there is no --device.")]
internal sealed class DataOptions : CommonOptions
{
    [Value(0, MetaName = "DATASET", HelpText = "{datasets}; all when left out")]
    public string? Dataset { get; set; }

    [Section("Data")]
    [Option("data-dir", MetaValue = "DIR", HelpText = "where the files or archives are (default: data)")]
    public string? DataDirectory { get; set; }

    [Section("Data")]
    [Option("download", HelpText = "download the dataset if it is not there")]
    public bool Download { get; set; }

    [Section("Data")]
    [Option("seed", MetaValue = "N", HelpText = "seed of the synthetic images (default: 0)")]
    public ulong? Seed { get; set; }

    [Section("Data")]
    [Option("out", MetaValue = "DIR", HelpText = "folder for the contact sheet (default: runs/data-TIME)")]
    public string? Out { get; set; }

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        RequireNamed("out", Out);
        RequireNamed("data-dir", DataDirectory);
        if (Dataset is null)
        {
            const string why = "is for one dataset, and none is named; without a name, all are listed.";
            RefuseWithoutEffect(true, "download", Download, why);
            RefuseWithoutEffect(true, "seed", Seed, why);
            RefuseWithoutEffect(true, "out", Out, why);
            RefuseWithoutEffect(true, "quiet", Quiet, "leaves nothing of a list; leave it out, or name a dataset.");
        }
        else if (!Datasets.Names.Contains(Dataset))
            throw new UsageException($"there is no dataset '{Quote.Text(Dataset)}'; choose one of {string.Join(", ", Datasets.Names)}."
                + DidYouMean.Among(Dataset, Datasets.Names));
        bool drawn = Dataset == "synthetic";
        RefuseWithoutEffect(drawn, "data-dir", DataDirectory, "is for datasets in files; synthetic images are drawn. Leave it out.");
        RefuseWithoutEffect(drawn, "download", Download, "is for datasets in files; synthetic images are drawn. Leave it out.");
        RefuseWithoutEffect(!drawn, "seed", Seed, $"is for synthetic images; those of {Dataset} are in files. Leave it out.");
    }
}
