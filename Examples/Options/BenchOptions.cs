using CommandLine;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Options;

[Verb("bench", HelpText = "time training steps and evaluation on random images; one JSON line per norm and batch size")]
[Example("bench", "ResNet-20, BN and GN, batch sizes 2, 8, 32 and 128")]
[Example("bench --norms bn --batch-sizes 128 --steps 50 --threads 1", "one case, one thread")]
[Example("bench --norms bn --batch-sizes 32 --profile", "where the time of a training step goes")]
[Example("bench --norms bn --batch-sizes 32 --trace step.json", "every operator of three steps, on a time axis")]
[Example("bench --toy mlp-2-32-32-2 --steps 1000", "what a step costs beside its arithmetic")]
[Example("bench --device cuda", "on an NVIDIA GPU; the training step is one graph")]
[Example("bench --device cuda --norms bn --batch-sizes 128 --profile", "the time of each kernel")]
[Note("The images are random, from a fixed seed, and the lines go to the standard output: there is no")]
[Note("--seed, --data-dir or --out. peak_rss_mb is the highest memory of the process up to that line: to measure")]
[Note("memory, give one norm and one batch size a call.")]
internal sealed class BenchOptions : CommonOptions
{
    [Section("Benchmark")]
    [Option("model", MetaValue = "NAME", HelpText = "{models} (default: resnet20)")]
    public string? ModelOption { get; set; }

    [Section("Benchmark")]
    [Option("toy", MetaValue = "NAME", HelpText = "instead of a model a small net without norms, most of whose time is overhead: {toys}")]
    public string? Toy { get; set; }

    [Section("Benchmark")]
    [Option("norms", MetaValue = "LIST", HelpText = "{norms} (default: bn,gn)")]
    public string? Norms { get; set; }

    [Section("Benchmark")]
    [Option("device", MetaValue = "NAME", Default = "cpu", HelpText = "cpu or cuda")]
    public string Device { get; set; } = "cpu";

    [Section("Benchmark")]
    [Option("precision", MetaValue = "LIST", HelpText = "on cuda: tf32 (convolutions on tensor cores), fp32, bf16 (images stored in 16 bits), or several of them (default: tf32)")]
    public string? Precision { get; set; }

    [Section("Benchmark")]
    [Option("groups", MetaValue = "N", HelpText = "groups of {norms with groups} (default: 8)")]
    public int? Groups { get; set; }

    [Section("Benchmark")]
    [Option("virtual-batch", MetaValue = "N", HelpText = "images that share statistics in ghost (default: 16)")]
    public int? VirtualBatch { get; set; }

    [Section("Benchmark")]
    [Option("batch-sizes", MetaValue = "LIST", HelpText = "batch sizes (default: 2,8,32,128; of a toy 50 or 64)")]
    public string? BatchSizes { get; set; }

    [Section("Benchmark")]
    [Option("steps", MetaValue = "N", Default = 15, HelpText = "steps to time, after the warm-up; the median counts")]
    public int Steps { get; set; } = 15;

    [Section("Benchmark")]
    [Option("warm-up", MetaValue = "S", Default = 1.5, HelpText = "seconds of steps not timed, for the just-in-time compiler")]
    public double WarmUp { get; set; } = 1.5;

    [Section("Benchmark")]
    [Option("profile", HelpText = "after the JSON lines, a table of where a training step's time goes, for each of them: kinds of work on the CPU, kernels on a GPU")]
    public bool Profile { get; set; }

    [Section("Benchmark")]
    [Option("trace", MetaValue = "FILE", HelpText = "record three training steps of one norm and batch size, operator by operator, for ui.perfetto.dev or chrome://tracing")]
    public string? Trace { get; set; }

    public string Model => Toy ?? ModelOption ?? "resnet20";

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        RequireKnown("toy", Toy, [.. ToyNet.All.Select(net => net.Name)]);
        const string has = "is for a model of train; the toy nets have no norms. Leave it out, or --toy.";
        RefuseWithoutEffect(Toy is not null, "model", ModelOption, "and --toy are two nets; give one of them.");
        RefuseWithoutEffect(Toy is not null, "norms", Norms, has);
        RefuseWithoutEffect(Toy is not null, "groups", Groups, has);
        RefuseWithoutEffect(Toy is not null, "virtual-batch", VirtualBatch, has);
        RequireFile("trace", Trace);
        Require(Steps is >= 1 and <= 100_000, "steps", Steps, "between 1 and 100000");
        Require(WarmUp is >= 0 and <= 3600, "warm-up", WarmUp, "between 0 and 3600");
        RequireKnown("device", Device, "cpu", "cuda");
        RefuseWithoutEffect(!DeviceChoice.HasPrecisions(Device), "precision", Precision, DeviceChoice.HoldsForOthers);
        RefuseWithoutEffect(DeviceKind.Named(Device).IsAsynchronous, "trace", Trace, TraceFile.ForHostsAlone);
    }

    /// <summary>The cases: every norm at every batch size. Their models and batches fit together.</summary>
    /// <exception cref="UsageException">They do not, or an option has no effect on any of them.</exception>
    public TrainSettings[] Cases()
    {
        var defaults = new TrainSettings();
        string[] norms = ListOption.Names("norms", Toy is null ? Norms ?? "bn,gn" : "none");
        int[] sizes = ListOption.Counts("batch-sizes", BatchSizes ?? (Toy is null ? "2,8,32,128" : $"{ToyNet.Named(Toy).BatchSize}"));
        string[] precisions = [.. ListOption.Precisions(Precision ?? defaults.Precision).Select(DeviceChoice.NameOf)];
        TrainSettings[] cases = [.. from precision in precisions
                                    from norm in norms
                                    from size in sizes
                                    select defaults with
                                    {
                                        Model = Model,
                                        Norm = norm,
                                        BatchSize = size,
                                        Device = Device,
                                        Precision = precision,
                                        Groups = Groups ?? defaults.Groups,
                                        VirtualBatch = VirtualBatch ?? defaults.VirtualBatch,
                                    }];
        // A toy net fits what any model does: it has no norms.
        NormFit.Check([.. cases.Select(run => Toy is null ? run : run with { Model = "mlp" })], Groups, VirtualBatch, lists: true);
        if (Trace is not null && cases.Length > 1)
            throw new UsageException("--trace records one case; name one norm and one batch size, such as --norms bn --batch-sizes 32.");
        return cases;
    }
}
