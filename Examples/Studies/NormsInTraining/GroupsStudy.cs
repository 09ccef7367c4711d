using MiniDL.Data;
using MiniDL.Examples.Output;
using MiniDL.Examples.Reports;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Examples.Studies.NormsInTraining;

/// <summary>
/// Table 3 of Wu and He 2018: group normalization over the number of groups, and over the number of channels in a group. One
/// group is layer normalization, one channel in a group is instance normalization.
/// </summary>
/// <remarks>
/// The paper trains a ResNet-50 on ImageNet, 32 images on each of eight GPUs, for 100 epochs. Here it is a small ResNet on
/// CIFAR-10 in batches of 32, whose stages have 16, 32 and 64 channels: with 16 groups the first stage is instance
/// normalization already, with 16 channels in a group it is layer normalization. Scales start at 1 everywhere; the paper starts
/// the last of a block at 0.
/// </remarks>
internal sealed class GroupsStudy : Study
{
    private const int BatchSize = 32;
    private const double Little = 3;
    private const double Rate = 0.025, Momentum = 0.9, WeightDecay = 1e-4;

    private static readonly int[] Counts = [1, 2, 4, 8, 16];

    private static readonly Setup[] Setups =
    [
        .. Counts.Select(groups => new Setup("groups", groups, channels => new GroupNorm(groups, channels))),
        .. Counts.Select(size => new Setup("channels", size, channels => new GroupNorm(channels / size, channels))),
        new Setup("bn", 0, channels => new BatchNorm2d(channels)),
    ];

    public override string Name => "groups";

    public override string Title => "How many groups should group normalization have?";

    public override string Paper => "Wu and He 2018, Group Normalization (arXiv:1803.08494), table 3";

    public override string DataNote => "CIFAR-10";

    public override Report Run(StudyContext context)
    {
        int depth = context.Pick(8, 8, 20), epochs = context.Pick(1, 5, 100), seeds = context.Pick(1, 2, 3);
        var (train, test) = context.Load("cifar10", context.Pick<int?>(64, 4000, null), context.Pick<int?>(50, 2000, null));
        (Setup Setup, int Seed)[] plan = [.. from setup in Setups from seed in Enumerable.Range(0, seeds) select (setup, seed)];
        Outcome[] runs = context.Each(plan, item => item.Setup.Label, (item, progress) => Train(
            item.Setup, context.Seed + (ulong)item.Seed, depth, epochs, train, test, context.Device, progress));
        Cell[] cells = [.. runs.GroupBy(run => run.Setup).Select(group => new Cell(group.Key, [.. group]))];

        var report = new Report(Title)
        {
            Introduction = "GN normalizes each image over groups of channels. With one group it is layer normalization (LN), "
                + "with a group for every channel instance normalization (IN). Between these ends lies its only setting.",
        };
        report.Setting("net", $"ResNet-{depth}: stages of 16, 32 and 64 channels");
        report.Setting("training", FormattableString.Invariant($"SGD, rate {Rate}, momentum {Momentum}, weight decay {WeightDecay}, ")
            + $"÷10 at half and at 80 %, batch {BatchSize}, {Counted.Of(epochs, "epoch")}, {Counted.Of(seeds, "seed")}");
        AddFindings(report, cells, test);
        AddCharts(report, cells);
        report.Add(new DataTable("groups", ["norm", "groups_or_channels", "test_error", "test_error_min", "test_error_max",
            "train_loss"],
            [.. cells.Select(cell => cell.Row)])
        { Caption = "Mean over seeds; errors in percent." });
        report.Add(new DataTable("groups_runs", ["norm", "groups_or_channels", "seed", "test_error", "train_loss"],
            [.. runs.Select(run => (IReadOnlyList<object>)[run.Setup.Kind, run.Setup.Number, $"{run.Seed}", run.TestError,
                run.TrainLoss])])
        { Hidden = true });
        return report;
    }

    private static Outcome Train(Setup setup, ulong seed, int depth, int epochs, Dataset train, Dataset test,
        Device device, Action<double> progress)
    {
        var random = new RandomStream(seed);
        var model = new ResNet(depth, setup.Create, random.Fork("weights"), train.Classes, train.InputShape[0]);
        var batches = new DataLoader(train, BatchSize, random.Fork("data"), dropLast: true,
            augmentation: Augmentation.PadCropFlip());
        var classifier = new Classifier(model.To(device), batches, Rate, Momentum, WeightDecay);
        var last = classifier.Epochs(epochs, Schedule.Parse("step:0.5,0.8"), progress).Last();
        return new Outcome(setup, seed, double.IsFinite(last.Loss) ? classifier.Evaluate(test).Error : double.NaN, last.Loss);
    }

    private static void AddFindings(Report report, Cell[] cells, Dataset test)
    {
        Cell Of(string kind, int number) => cells.First(cell => cell.Setup.Kind == kind && cell.Setup.Number == number);
        Cell layer = Of("groups", 1), instance = Of("channels", 1), bn = Of("bn", 0);
        Cell[] between = [.. cells.Where(cell => cell.Setup is { Kind: "groups" or "channels", Number: > 1 })];
        double least = between.Min(cell => cell.Error.Mean), most = between.Max(cell => cell.Error.Mean);
        Estimate Error(Cell cell) => Estimate.Error(cell.Runs.Select(run => run.TestError), test.Count, test.Classes);
        Clause[] Worse(Cell worse, params IEnumerable<Cell> than) => [.. than.Select(cell => Clause.Below(Error(cell), Error(worse)))];
        string seeds = cells[0].Error.Seeds < 2 ? "one seed"
            : FormattableString.Invariant($"seeds differ by up to {cells.Max(c => c.Error.Range):F1}");
        string Text(double error) => FormattableString.Invariant($"{error:F1} %");
        report.Add(new Finding("Groups between the ends are better than LN", "24.1 to 24.7 % with 2 to 64 groups, LN 25.3 %",
            $"{Text(least)} to {Text(most)}, LN {Text(layer.Error.Mean)}", Worse(layer, between)));
        report.Add(new Finding("IN is the worst way to group", "24.2 to 25.6 % with 2 to 64 channels in a group, IN 28.4 %",
            $"{Text(least)} to {Text(most)}, LN {Text(layer.Error.Mean)}, IN {Text(instance.Error.Mean)}", Worse(instance, [.. between, layer])));
        report.Add(new Finding(FormattableString.Invariant($"Between the ends the number matters little: {Little} points at most"),
            "a range of 0.6 points over 2 to 64 groups; LN with 25.3 % and IN with 28.4 % are outside",
            FormattableString.Invariant($"a range of {most - least:F1} points; {seeds}"),
            Clause.Same(Error(between.MinBy(cell => cell.Error.Mean)!), Error(between.MaxBy(cell => cell.Error.Mean)!), Little)));
        report.Add(new Finding("With 32 images in a batch BN is ahead of GN with any number of groups", "BN 23.6 %, GN 24.1 %",
            $"BN {Text(bn.Error.Mean)}, the best GN {Text(least)}",
            [.. between.Select(cell => Clause.Below(Error(bn), Error(cell)))]));
    }

    private static void AddCharts(Report report, Cell[] cells)
    {
        Cell bn = cells.First(cell => cell.Setup.Kind == "bn");
        (double Low, double High) range = (cells.Min(cell => cell.Error.Low) - 1, cells.Max(cell => cell.Error.High) + 1);
        var between = Axis.TicksAt(Counts[1..].Select(n => (double)n));
        // The other end of each axis: as many groups as channels is IN, all channels in one group is LN.
        Chart Panel(string name, string kind, string title, string label, string first, string last, string end) =>
            new(name, title, new Axis(label) { Log = true, Ticks = [(1, first), .. between, (32, last)] },
                new Axis("test error (%)") { Min = range.Low, Max = range.High },
                Points("GN", [.. cells.Where(cell => cell.Setup.Kind == kind),
                    cells.First(cell => cell.Setup.Kind == end && cell.Setup.Number == 1)]),
                Series.Level("BN", bn.Error.Mean, 1, 32));
        report.AddPanels("groups",
        [
            Panel("groups_count", "groups", "over the number of groups", "groups", "1 (LN)", "all (IN)", "channels") with
            {
                Caption = "Test error with its range over seeds; the dashed line is BN's. On the left the number of groups is "
                    + "the same in every stage, on the right the channels in each. The ends are LN (one group) and IN (one "
                    + "channel in a group).",
            },
            Panel("groups_channels", "channels", "over the channels in a group", "channels in a group", "1 (IN)", "all (LN)",
                "groups"),
        ]);
    }

    private static Series Points(string name, Cell[] cells) =>
        Series.Over(name, [.. cells.Select((_, i) => Math.Pow(2, i))], [.. cells.Select(cell => cell.Error)])
            with
        { Style = SeriesStyle.LineAndMarkers };

    /// <summary>A norm for every place of the net.</summary>
    /// <param name="Kind">groups, channels or bn: what the number counts.</param>
    private sealed record Setup(string Kind, int Number, Func<int, Norm> Create)
    {
        public string Label => Kind == "bn" ? "BN" : $"GN, {Number} {(Kind == "groups" ? "groups" : "channels in a group")}";
    }

    private sealed record Outcome(Setup Setup, ulong Seed, double TestError, double TrainLoss);

    /// <summary>The runs of one setup.</summary>
    private sealed record Cell(Setup Setup, Outcome[] Runs)
    {
        public OverSeeds Error { get; } = OverSeeds.Of([.. Runs.Select(run => run.TestError)]);

        public IReadOnlyList<object> Row => [Setup.Kind, Setup.Number, Error.Mean, Error.Low, Error.High, Runs.Average(run => run.TrainLoss)];
    }
}
