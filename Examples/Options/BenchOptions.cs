using CommandLine;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Options;

[Verb("bench", HelpText = "time training steps and evaluation on random images; one JSON line per norm and batch size")]
[Example("bench", "ResNet-20, BN and GN, batch sizes 2, 8, 32 and 128")]
[Example("bench --norms bn --batch-sizes 128 --steps 50 --threads 1", "one case, one thread")]
[Example("bench --norms bn --batch-sizes 32 --profile", "where the time of a training step goes")]
[Example("bench --norms bn --batch-sizes 32 --trace step.json", "every operator of three steps, on a time axis")]
[Example("bench --device cuda", "on an NVIDIA GPU; the training step is one graph")]
[Example("bench --device cuda --norms bn --batch-sizes 128 --profile", "the time of each kernel")]
[Note("The images are random, from a fixed seed, and the lines go to the standard output: there is no")]
[Note("--seed, --data-dir or --out. peak_rss_mb is the highest memory of the process up to that line: to measure")]
[Note("memory, give one norm and one batch size a call.")]
internal sealed class BenchOptions : CommonOptions
{
    [Section("Benchmark")]
    [Option("model", MetaValue = "NAME", Default = "resnet20", HelpText = "{models}")]
    public string Model { get; set; } = "resnet20";

    [Section("Benchmark")]
    [Option("norms", MetaValue = "LIST", Default = "bn,gn", HelpText = "{norms}")]
    public string Norms { get; set; } = "bn,gn";

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
    [Option("batch-sizes", MetaValue = "LIST", Default = "2,8,32,128", HelpText = "batch sizes")]
    public string BatchSizes { get; set; } = "2,8,32,128";

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

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
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
        string[] norms = ListOption.Names("norms", Norms);
        int[] sizes = ListOption.Counts("batch-sizes", BatchSizes);
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
        NormFit.Check(cases, Groups, VirtualBatch, lists: true);
        if (Trace is not null && cases.Length > 1)
            throw new UsageException("--trace records one case; name one norm and one batch size, such as --norms bn --batch-sizes 32.");
        return cases;
    }
}
