using MiniDL.Data;
using MiniDL.Examples.Output;
using MiniDL.Examples.Reports;
using MiniDL.Examples.Training;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Examples.Studies.NormsInTraining;

/// <summary>
/// Figure 6 of Ba, Kiros and Hinton 2016: a 784-1000-1000-10 net on MNIST with layer normalization, with batch normalization and
/// without, in batches of 128 and of 4.
/// </summary>
/// <remarks>
/// <para>Open in the paper: the learning rate. It trains with Adam, which this framework does not have; here it is SGD with
/// momentum 0.9, at 0.1 for batches of 128 and scaled with the batch, the same for every norm. The last layer has no norm, as
/// there.</para>
/// <para>The paper remarks that for batches of 4 BN has to use the unbiased variance. PyTorch and this framework normalize a
/// training batch with the biased one, and evaluate with an average of unbiased ones; for a batch of 4 a net then sees
/// deviations that differ by √(4/3) between training and test. <c>BN (unbiased)</c> divides by n − 1 in both.</para>
/// </remarks>
internal sealed class SmallBatchStudy : Study
{
    private const double RateAt128 = 0.1, Momentum = 0.9;
    private const int Large = 128, Small = 4, LastEpochs = 3;

    private static readonly (string Name, Func<NormFactory> Choice)[] Nets =
    [
        ("none", () => NormFactory.Named("none")),
        ("LN", () => NormFactory.Named("ln")),
        ("BN", () => NormFactory.Named("bn")),
        ("BN (unbiased)", () => NormFactory.Of(features => new UnbiasedBatchNorm(features))),
    ];

    public override string Name => "small-batch";

    public override string Title => "Layer against batch normalization in batches of 128 and of 4";

    public override string Paper => "Ba, Kiros and Hinton 2016, Layer Normalization (arXiv:1607.06450), figure 6";

    public override string DataNote => "MNIST";

    public override Report Run(StudyContext context)
    {
        int hidden = context.Pick(32, 256, 1000), epochs = context.Pick(2, 6, 60), seeds = context.Pick(1, 2, 3);
        var (train, test) = context.Load("mnist", context.Pick(384, 10_000, 55_000), context.Pick<int?>(100, null, null));
        (int Batch, string Net, int Seed)[] plan = [.. from batch in new[] { Large, Small } from net in Nets
                                                       from seed in Enumerable.Range(0, seeds) select (batch, net.Name, seed)];
        var runs = context.Each(plan, item => $"{item.Net}, batch {item.Batch}", (item, progress) => Train(item.Net, item.Batch, hidden,
            epochs, train, test, context.Seed + (ulong)item.Seed, context.Device, progress));
        Curve[] curves = [.. runs.GroupBy(run => (run.Net, run.Batch)).Select(group => new Curve([.. group]))];

        var report = new Report(Title)
        {
            Introduction = $"A net with two hidden layers learns {StudyContext.ImagesOf(train.Name)} in batches of 128 and in "
                + "batches of 4. LN normalizes "
                + "each image by itself, so the batch does not matter to it; BN's statistics over four images are mostly "
                + "noise.\n\n`BN` normalizes training batches with the biased variance, as PyTorch does; `BN (unbiased)` with "
                + "the unbiased one, as the paper says it did at batch 4.",
        };
        report.Setting("net", $"{train.InputShape.Count}-{hidden}-{hidden}-{train.Classes}, ReLU, PyTorch's initial values");
        report.Setting("training", FormattableString.Invariant($"SGD, momentum {Momentum}, rate {RateAt128} · batch / {Large}, ")
            + $"{Counted.Of(epochs, "epoch")}, {Counted.Of(seeds, "seed")} (the paper: Adam)");
        AddFindings(report, curves, test);
        AddCharts(report, curves);
        report.Add(new DataTable("small_batch_summary", ["norm", "batch_size", "test_error", "test_error_min", "test_error_max",
            "train_loss"],
            [.. curves.Select(c => (IReadOnlyList<object>)[c.Net, c.Batch, c.Error.Mean, c.Error.Low, c.Error.High, c.Loss[^1].Mean])])
        { Caption = $"Test error in percent over the last {LastEpochs} epochs: mean over seeds, the least and the largest." });
        report.Add(new DataTable("small_batch", ["norm", "batch_size", "seed", "epoch", "train_loss", "test_error"],
            [.. runs.SelectMany(run => run.Rows())])
        { Hidden = true });
        return report;
    }

    private static RunRecord Train(string net, int batchSize, int hidden, int epochs, Dataset train, Dataset test, ulong seed,
        Device device, Action<double> progress)
    {
        var random = new RandomStream(seed);
        var norm = Nets.First(n => n.Name == net).Choice();
        var model = new Mlp([train.InputShape.Count, hidden, hidden, train.Classes], norm, random.Fork("weights"));
        var batches = new DataLoader(train, batchSize, random.Fork("data"), dropLast: true);
        var classifier = new Classifier(model.To(device), batches, RateAt128 * batchSize / Large, Momentum);
        Score[] scores = [.. classifier.Epochs(epochs, new ConstantSchedule(), progress)
            .Select(score => score with { Error = classifier.Evaluate(test).Error })];
        return new RunRecord(net, batchSize, seed, scores);
    }

    private static void AddFindings(Report report, Curve[] curves, Dataset test)
    {
        Curve Of(string net, int batch) => curves.First(c => c.Net == net && c.Batch == batch);
        Estimate Error(Curve curve) => Estimate.Error(curve.Errors, test.Count, test.Classes);
        Clause Better(Curve a, Curve b) => Clause.Below(Error(a), Error(b));
        string Errors(int batch, params string[] nets) => string.Join(", ", nets.Select(net => Of(net, batch).Text));
        report.Add(new Finding("In batches of 128 BN is better than no norm", "BN 1.35 %, none 1.5 % (read off figure 6)",
            Errors(Large, "BN", "none"), Better(Of("BN", Large), Of("none", Large))));
        report.Add(new Finding("In batches of 128 LN is better than no norm", "LN 1.3 %, none 1.5 %",
            Errors(Large, "LN", "none"), Better(Of("LN", Large), Of("none", Large))));
        report.Add(new Finding("In batches of 4 BN is worse than LN and than no norm", "LN 1.4 %, none 1.6 %, BN 1.7 to more than 2.5 %",
            Errors(Small, "LN", "none", "BN"),
            Better(Of("LN", Small), Of("BN", Small)), Better(Of("none", Small), Of("BN", Small))));
        report.Add(new Finding("In batches of 4 LN is better than no norm", "LN 1.4 %, none 1.6 %",
            Errors(Small, "LN", "none"), Better(Of("LN", Small), Of("none", Small))));
        report.Add(new Finding("In batches of 4 BN is better with the unbiased variance", "used at batch 4, not compared",
            Errors(Small, "BN (unbiased)", "BN"), Better(Of("BN (unbiased)", Small), Of("BN", Small))));
    }

    private static void AddCharts(Report report, Curve[] curves)
    {
        Chart Panel(string name, int batch, string what, Axis y, Func<Curve, OverSeeds[]> of) =>
            new(name, $"batch {batch}: {what}", EpochAxis.To(curves[0].Loss.Length), y,
                [.. curves.Where(c => c.Batch == batch).Select(c =>
                    Series.Over(c.Net, [.. Enumerable.Range(1, c.Loss.Length).Select(epoch => (double)epoch)], of(c)))]);
        double most = 1.1 * curves.SelectMany(c => c.TestError.Skip(1).Select(error => error.Mean)).Where(double.IsFinite).DefaultIfEmpty(100).Max();
        double[] losses = [.. curves.SelectMany(c => c.Loss.SelectMany(loss => new[] { loss.Low, loss.High })).Where(double.IsFinite)];
        Axis error = new("test error (%)") { Min = 0, Max = most };
        Axis loss = new("training loss") { Log = true, Min = losses.Min() / 1.3, Max = losses.Max() * 1.3 };
        report.AddPanels("small_batch",
        [
            Panel("small_batch_error_128", Large, "test error", error, c => c.TestError) with
            {
                Caption = "Lines are means over seeds, bands reach from the least to the largest. On the left "
                    + "batches of 128, on the right batches of 4. There the statistics of BN are noise, which it cannot learn "
                    + "away: is its training loss above the others'?",
            },
            Panel("small_batch_error_4", Small, "test error", error, c => c.TestError),
            Panel("small_batch_loss_128", Large, "training loss", loss, c => c.Loss),
            Panel("small_batch_loss_4", Small, "training loss", loss, c => c.Loss),
        ]);
    }

    /// <summary>One training: after each epoch its mean training loss and the test error.</summary>
    private sealed record RunRecord(string Net, int Batch, ulong Seed, Score[] Epochs)
    {
        /// <summary>The test error of the last epochs; NaN where the training diverged.</summary>
        public double LastError => double.IsFinite(Epochs[^1].Loss) ? Epochs.TakeLast(LastEpochs).Average(score => score.Error) : double.NaN;

        public IEnumerable<IReadOnlyList<object>> Rows() =>
            Epochs.Select((score, epoch) => (IReadOnlyList<object>)[Net, Batch, $"{Seed}", epoch + 1, score.Loss, score.Error]);
    }

    /// <summary>The trainings of one net from several seeds.</summary>
    private sealed class Curve(RunRecord[] runs)
    {
        public string Net => runs[0].Net;

        public int Batch => runs[0].Batch;

        public double[] Errors => [.. runs.Select(run => run.LastError)];

        public OverSeeds Error => OverSeeds.Of(Errors);

        /// <summary>The error, and half of how far the seeds are apart where there are several.</summary>
        public string Text => FormattableString.Invariant($"{Net} {Error.Mean:F2}")
            + (runs.Length > 1 ? FormattableString.Invariant($" ± {Error.Range / 2:F2} %") : " %");

        public OverSeeds[] TestError => Over(score => score.Error);

        public OverSeeds[] Loss => Over(score => score.Loss);

        private OverSeeds[] Over(Func<Score, double> quantity) => OverSeeds.OfEpochs([.. runs.Select(run => run.Epochs)], quantity);
    }
}
