using CommandLine;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Options;

[Verb("explain", HelpText = "show one training step: the autograd graph, and backward to step through, as a page")]
[Example("explain", "a two-layer net with BN on four points, every number in sight")]
[Example("explain --plain", "the same, the norm made of plain operators instead of a fused one")]
[Example("explain --model resnet20 --norm gn --batch-size 8", "a model of train")]
[Example("explain --dot > graph.dot && dot -Tsvg graph.dot > graph.svg", "the graph drawn by Graphviz")]
[Note("It leaves explain.html, a page that needs nothing else. For a net of your own: Autograd.Explain(() => loss, \"explain.html\").")]
internal sealed class ExplainOptions : CommonOptions
{
    /// <summary>Every value is copied to be looked at.</summary>
    private const int MaxImages = 512;

    [Section("Model")]
    [Option("model", MetaValue = "NAME", HelpText = "{models} (default: an MLP 2-4-2 on four points)")]
    public string? Model { get; set; }

    [Section("Model")]
    [Option("norm", MetaValue = "NAME", Default = "bn", HelpText = "{norms}")]
    public string Norm { get; set; } = "bn";

    [Section("Model")]
    [Option("plain", HelpText = "compose norms of plain operators, instead of a fused one")]
    public bool Plain { get; set; }

    [Section("Data")]
    [Option("dataset", MetaValue = "NAME", HelpText = "{datasets} (default: synthetic)")]
    public string? Dataset { get; set; }

    [Section("Data")]
    [Option("data-dir", MetaValue = "DIR", HelpText = "where the dataset's files or archive are (default: data)")]
    public string? DataDirectory { get; set; }

    [Section("Data")]
    [Option("batch-size", MetaValue = "N", HelpText = "images in the step (default: 4)")]
    public int? BatchSize { get; set; }

    [Section("General")]
    [Option("seed", MetaValue = "N", HelpText = "seed of weights and order (default: 0)")]
    public ulong Seed { get; set; }

    [Section("General")]
    [Option("device", MetaValue = "NAME", Default = "cpu", HelpText = "cpu, cuda or reference (double precision)")]
    public string Device { get; set; } = "cpu";

    [Section("General")]
    [Option("text", HelpText = "print a line for each operator instead of writing the page")]
    public bool Text { get; set; }

    [Section("General")]
    [Option("dot", HelpText = "print the graph in the language of Graphviz instead of writing the page")]
    public bool Dot { get; set; }

    [Section("General")]
    [Option("out", MetaValue = "DIR", HelpText = "output folder (default: runs/explain-TIME)")]
    public string? Out { get; set; }

    /// <summary>The step's settings, where it is one of a model that <c>train</c> knows.</summary>
    public TrainSettings Settings => new()
    {
        Model = Model ?? "mlp",
        Norm = Norm,
        Dataset = Dataset ?? "synthetic",
        BatchSize = BatchSize ?? 4,
        Seed = Seed,
        Device = Device,
    };

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        RequireNamed("out", Out);
        RequireNamed("data-dir", DataDirectory);
        RequireKnown("device", Device, "cpu", "cuda", "reference");
        Require(BatchSize is null or (>= 1 and <= MaxImages), "batch-size", BatchSize, $"between 1 and {MaxImages}");
        const string points = "is for a --model; without one the net is trained on four points. Name a model, or leave it out.";
        RefuseWithoutEffect(Model is null, "dataset", Dataset, points);
        RefuseWithoutEffect(Model is null, "batch-size", BatchSize, points);
        RefuseWithoutEffect(Model is null || Settings.Dataset == "synthetic", "data-dir", DataDirectory,
            "is for datasets in files; the step has none. Name another --dataset, or leave it out.");
        if (Text && Dot) throw new UsageException("--text and --dot are two ways to print the graph; give one of them.");
        RefuseWithoutEffect(Text || Dot, "out", Out, "is for the page; leave it out where the graph is printed.");
        NormFit.Check([Settings], null, null, lists: false);
    }
}
