using MiniDL.Data;
using MiniDL.Examples.Output;
using MiniDL.Examples.Reports;
using MiniDL.Layers;

namespace MiniDL.Examples.Studies.NormsInTraining;

/// <summary>
/// The largest learning rate that trains, by norm: after Ioffe and Szegedy 2015, §3.3 and §4.2 ("batch normalization enables
/// higher learning rates"; Inception trained at 5 and 30 times its rate). Each net takes the same steps from the same start
/// at rates from small to absurd, each twice the one before.
/// </summary>
/// <remarks>
/// <para>Open in the paper: what it means that a rate trains. Here: from every seed, the mean loss over the last quarter of the
/// steps is finite and below 0.9 of what guessing has (ln 10). The largest such rate need not be a good one. The table has the
/// largest rates for half of ln 10 too, to show what depends on the choice. Rates are twofold apart, so two norms differ only where
/// their largest rates are two steps apart, fourfold.</para>
/// <para>Two nets: an MLP with five hidden layers and plain SGD, and a small ResNet with momentum 0.9, where shortcuts help
/// nets without norms. Both see MNIST, so that a hundred steps tell.</para>
/// </remarks>
internal sealed class LearningRateStudy : Study
{
    private const double Guessing = 0.9, Learned = 0.5, WorstShown = 3;

    /// <summary>The steps, each a doubling of the rate, by which the largest rate that trains is taken to deviate.</summary>
    private const double StepDeviation = 0.5;

    private const int Hidden = 100, HiddenLayers = 5;

    private static readonly double Chance = Math.Log(10);

    private static readonly Net[] Nets =
    [
        new("mlp", "MLP, 5 hidden layers, plain SGD", 60, Momentum: 0, MinRate: 0.01, ["none", "wn", "rms", "ln", "gn", "bn"]),
        new("resnet8", "ResNet-8, momentum 0.9", 32, Momentum: 0.9, MinRate: 0.008, ["none", "fixup", "ln", "gn", "in", "bn"]),
    ];

    public override string Name => "learning-rate";

    public override string Title => "How large a learning rate does each norm stand?";

    public override string Paper => "Ioffe and Szegedy 2015, Batch Normalization (arXiv:1502.03167), sections 3.3 and 4.2";

    public override string DataNote => "MNIST";

    public override Report Run(StudyContext context)
    {
        var (train, _) = context.Load("mnist", context.Pick(128, 12_000, 60_000), testImages: 10);
        var plan = (from net in Nets
                    from norm in context.Pick(["none", "bn"], net.Norms, net.Norms)
                    from rate in net.Rates(net.Name == "mlp" ? context.Pick(8, 14, 16) : context.Pick(3, 10, 16))
                    select (net, norm, rate)).ToArray();
        string Label((Net Net, string Norm, double Rate) item) => FormattableString.Invariant($"{item.Net.Name}, {item.Norm}, rate {item.Rate:G3}");
        Cell[] cells = context.Each(plan, Label, (item, progress) =>
        {
            var (net, norm, rate) = item;
            int steps = net.Name == "mlp" ? context.Pick(40, 200, 1000) : context.Pick(24, 100, 500);
            int seeds = net.Name == "mlp" ? context.Pick(1, 3, 5) : context.Pick(1, 1, 3);
            return new Cell(net, norm, rate, [.. Enumerable.Range(0, seeds).Select(seed =>
            {
                progress((double)seed / seeds);
                return LastLoss(net, norm, rate, steps, train, context.Seed + (ulong)seed, context.Device, context.Stop);
            })]);
        });
        Limit[] limits = [.. cells.GroupBy(cell => (cell.Net, cell.Norm)).Select(group => new Limit([.. group]))];

        var report = new Report(Title)
        {
            Introduction = "The same net takes the same number of steps at learning rates from small to absurd, once with each "
                + "norm. A rate trains when the mean loss over the last quarter of the steps is below "
                + FormattableString.Invariant($"{Guessing} · ln 10 = {Guessing * Chance:F2} from every seed; ")
                + "guessing has ln 10 = 2.30.",
        };
        report.Setting("MLP", $"{HiddenLayers} hidden layers of {Hidden} ReLUs, PyTorch's initial values, "
            + $"plain SGD, batch 60, {Counted.Of(context.Pick(40, 200, 1000), "step")}, {Counted.Of(context.Pick(1, 3, 5), "seed")}");
        report.Setting("ResNet-8",
            $"SGD with momentum 0.9, batch 32, {Counted.Of(context.Pick(24, 100, 500), "step")}, {Counted.Of(context.Pick(1, 1, 3), "seed")}");
        report.Setting("noise", $"the largest rate is taken to deviate by {StepDeviation} of a step, a doubling: norms differ from two steps on");
        AddFindings(report, limits);
        AddCharts(report, cells);
        report.Add(new DataTable("learning_rate_largest", ["net", "norm", "largest_rate", "largest_rate_to_half", "best_rate",
            "best_loss"],
            [.. limits.Select(limit => limit.Row)])
        {
            Caption = "The largest rate that trains: to 0.9 of ln 10, and to half of it; and the rate with the least loss. 0 "
            + "where no rate does."
        });
        report.Add(new DataTable("learning_rate", ["net", "norm", "rate", "seed", "loss"],
            [.. cells.SelectMany(cell => cell.Losses.Select((loss, seed) =>
                (IReadOnlyList<object>)[cell.Net.Name, cell.Norm, cell.Rate, seed, loss]))])
        { Hidden = true });
        return report;
    }

    /// <summary>The mean loss over the last quarter of the steps; NaN where it was no number, or beyond all bounds.</summary>
    private static double LastLoss(Net net, string norm, double rate, int steps, Dataset train, ulong seed,
        Device device, CancellationToken stop)
    {
        var random = new RandomStream(seed);
        var choice = NormFactory.Named(norm, groups: net.Name == "mlp" ? 10 : 8);
        Module model = net.Name == "mlp"
            ? new Mlp([train.InputShape.Count, .. Enumerable.Repeat(Hidden, HiddenLayers), 10], choice, random.Fork("weights"))
            : new ResNet(8, choice, random.Fork("weights"), train.Classes, train.InputShape[0]);
        var batches = new DataLoader(train, Math.Min(net.Batch, train.Count), random.Fork("data"), dropLast: true);
        var classifier = new Classifier(model.To(device), batches, rate, net.Momentum);
        List<double> losses = [];
        foreach (var score in classifier.Steps(steps))
        {
            stop.ThrowIfCancellationRequested();
            losses.Add(score.Loss);
            if (!(losses[^1] < 1e6)) return double.NaN;
        }
        return losses.TakeLast(steps / 4).Average();
    }

    private static void AddFindings(Report report, Limit[] limits)
    {
        foreach (var net in Nets)
        {
            var own = limits.Where(limit => limit.Net == net).ToArray();
            Limit plain = own.First(limit => limit.Norm == "none"), bn = own.First(limit => limit.Norm == "bn");
            string by = plain.Largest > 0 ? FormattableString.Invariant($", {bn.Largest / plain.Largest:F0} times the rate") : "";
            report.Add(new Finding($"With BN a net trains at larger rates than without ({net.Title})",
                "Inception trains at 30 times its rate with BN; without, at 5 times, it does not",
                FormattableString.Invariant($"up to {bn.Largest:G3} with BN, up to {plain.Largest:G3} without{by}"),
                Larger(bn, plain)));
            if (own.Length < 3) continue;
            report.Add(new Finding($"BN stands a larger rate than any of the others ({net.Title})", "does not compare them",
                string.Join(", ", own.Select(limit => FormattableString.Invariant($"{limit.Norm} {limit.Largest:G3}"))),
                [.. own.Where(limit => limit != bn).Select(limit => Larger(bn, limit))]));
        }

        // Halvings of a rate: less is better. Where not even the least rate trains there are infinitely many.
        static Clause Larger(Limit a, Limit b) => Clause.Below(Halvings(a), Halvings(b));
        static Estimate Halvings(Limit limit) => Estimate.Of([-Math.Log2(limit.Largest)], StepDeviation);
    }

    private static void AddCharts(Report report, Cell[] cells)
    {
        (double, string)[] ticks = [.. Axis.TicksAt(0, 0.5, 1, 1.5, 2, 2.5), (WorstShown, "3 or worse")];
        Chart Curves(Net net) => new($"learning_rate_{net.Name}", net.Title, new Axis("learning rate") { Log = true },
            new Axis("loss after training") { Min = 0, Max = WorstShown, Ticks = ticks },
            [
                .. cells.Where(cell => cell.Net == net).GroupBy(cell => cell.Norm).Select(norm => new Series(Label(norm.Key),
                    [.. norm.Select(cell => cell.Rate)], [.. norm.Select(cell => Math.Min(WorstShown, Worst(cell)))])
                    { Style = SeriesStyle.LineAndMarkers }),
                Series.Level("guessing", Chance, net.MinRate, cells.Where(cell => cell.Net == net).Max(cell => cell.Rate)),
            ]);
        report.AddPanels("learning_rate",
        [
            Curves(Nets[0]) with
            {
                Caption = "The loss over the last quarter of the steps at each rate, the worst of the seeds; 3 stands for all "
                    + "that is worse, infinity among it.",
            },
            Curves(Nets[1]),
        ]);

        static string Label(string norm) => norm switch { "none" => "none", "fixup" => "Fixup", _ => norm.ToUpperInvariant() };
        static double Worst(Cell cell) => cell.Losses.Any(double.IsNaN) ? WorstShown : cell.Losses.Max();
    }

    /// <summary>A net and how it is trained.</summary>
    /// <param name="MinRate">The first of the rates, each twice the one before.</param>
    private sealed record Net(string Name, string Title, int Batch, double Momentum, double MinRate, string[] Norms)
    {
        public IEnumerable<double> Rates(int count) => Enumerable.Range(0, count).Select(i => MinRate * (1L << i));
    }

    /// <summary>One net, norm and rate: the last loss from each seed.</summary>
    private sealed record Cell(Net Net, string Norm, double Rate, double[] Losses)
    {
        /// <summary>Whether every seed ends below this part of what guessing has.</summary>
        public bool Trains(double part) => Losses.All(loss => loss < part * Chance);
    }

    /// <summary>What one net stands with one norm.</summary>
    private sealed class Limit(Cell[] cells)
    {
        public Net Net => cells[0].Net;

        public string Norm => cells[0].Norm;

        public double Largest => LargestBelow(Guessing);

        public IReadOnlyList<object> Row
        {
            get
            {
                var best = cells.MinBy(cell => cell.Losses.Average(loss => double.IsNaN(loss) ? double.PositiveInfinity : loss))!;
                return [Net.Name, Norm, Largest, LargestBelow(Learned), best.Rate, best.Losses.Average()];
            }
        }

        private double LargestBelow(double part) =>
            cells.Where(cell => cell.Trains(part)).Select(cell => cell.Rate).DefaultIfEmpty(0).Max();
    }
}
