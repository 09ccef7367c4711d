using System.Globalization;
using MiniDL.Diagnostics;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace MiniDL.Examples.Verbs;

/// <summary>Where the time of a training step goes, by kind of work: the median over several steps of each kind.</summary>
internal sealed class StepProfile(string title)
{
    private const string Outside = "outside operators: autograd, modules, memory";

    private static readonly string[] Kinds =
    [
        "convolution forward", "convolution input gradient", "convolution weight gradient",
        "normalization forward", "normalization gradient", "head and loss", "optimizer",
        "other operators: shortcuts, elementwise, layouts", Outside,
    ];

    private readonly List<Profiler> _steps = [];

    /// <summary>Runs one step and keeps its profile.</summary>
    public void Add(Action step)
    {
        using var profiler = Profiler.Start();
        step();
        _steps.Add(profiler);
    }

    /// <summary>One row for each kind of work.</summary>
    public IRenderable ToTable()
    {
        var table = new Table { Title = new TableTitle(Markup.Escape(title)), Border = TableBorder.Simple };
        table.Caption = new TableTitle("medians; GFLOP/s by convolution's definition, GB/s of operands and results");
        table.AddColumn("where a training step's time goes");
        foreach (string heading in new[] { "ms", "%", "calls", "GFLOP/s", "GB/s" })
            table.AddColumn(new TableColumn(heading).RightAligned());
        double[] times = [.. Kinds.Select(kind => Median(_steps.Select(step => Milliseconds(step, kind))))];
        foreach (var (kind, ms) in Kinds.Zip(times))
        {
            ProfileEntry[] entries = [.. _steps[0].Entries.Where(entry => KindOf(entry) == kind)];
            double operations = entries.Sum(e => e.Operations), bytes = entries.Sum(e => e.Bytes), calls = entries.Sum(e => e.Calls);
            // Of others only some operators are counted: a rate over all of their time would say nothing.
            bool isConvolution = kind.StartsWith("convolution", StringComparison.Ordinal);
            bool isNorm = kind.StartsWith("normalization", StringComparison.Ordinal);
            table.AddRow(kind, Text(ms, "F3"), Text(100 * ms / times.Sum(), "F1"), Text(calls, "F0", calls > 0),
                Text(operations / ms / 1e6, "F0", isConvolution && operations > 0), Text(bytes / ms / 1e6, "F1", isNorm && bytes > 0));
        }
        table.AddRow("together", Text(times.Sum(), "F3"), "100.0");
        return table;
    }

    private static double Milliseconds(Profiler step, string kind) => kind == Outside
        ? step.OutsideMilliseconds
        : step.Entries.Where(entry => KindOf(entry) == kind).Sum(entry => entry.Milliseconds);

    private static string KindOf(ProfileEntry entry) => (entry.Name, entry.Part) switch
    {
        ("conv2d" or "normalize_conv2d", "backward") => Kinds[^2],
        ("conv2d" or "normalize_conv2d", var part) => $"convolution {part}",
        ("normalize", "backward") => "normalization gradient",
        ("normalize", _) => "normalization forward",
        ("linear" or "global_avg_pool2d" or "cross_entropy", _) => "head and loss",
        ("sgd" or "adam" or "adamw", _) => "optimizer",
        _ => Kinds[^2],
    };

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    private static string Text(double value, string format, bool known = true) =>
        known ? value.ToString(format, CultureInfo.InvariantCulture) : "";
}
