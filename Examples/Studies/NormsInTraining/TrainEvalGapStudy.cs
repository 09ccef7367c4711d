using MiniDL.Data;
using MiniDL.Examples.Output;
using MiniDL.Examples.Reports;
using MiniDL.Examples.Training;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Examples.Studies.NormsInTraining;

/// <summary>
/// Batch normalization over few images, after Wu and Johnson 2021, §3 and §4: what the net does when it is used depends on
/// which statistics it then takes: the running averages of training, precise ones computed anew with the final weights, or
/// those of batches of test images. Group normalization beside it has no such choice.
/// </summary>
/// <remarks>
/// <para>As in the paper, only the batch that shares statistics shrinks (ghost batch normalization): SGD takes 64 images a step
/// at one rate throughout, so that nothing but normalization changes. The paper's net is a ResNet-50 on ImageNet.</para>
/// <para>The gap is how much larger the mean loss on the same training images is with constant statistics than with those of
/// their batches, in which the net was trained. Open in the paper: how far the rate decays; here it is divided by ten at 60 %,
/// so that one sees both phases. Nets trained with different numbers of images are taken as repetitions where a claim is about
/// all of them: differences between ways to evaluate the same net are averaged.</para>
/// </remarks>
internal sealed class TrainEvalGapStudy : Study
{
    private const double Rate = 0.05, Momentum = 0.9, WeightDecay = 1e-4;
    private const int ShownOverTime = 32;

    /// <summary>Few images, for the paper's advice on statistics of test batches.</summary>
    private const int Few = 8;

    private const double GapDeviation = 0.02;

    public override string Name => "train-eval-gap";

    public override string Title => "Which statistics should batch normalization take when it is used?";

    public override string Paper => "Wu and Johnson 2021, Rethinking \"Batch\" in BatchNorm (arXiv:2105.07576), sections 3 and 4";

    public override string DataNote => "CIFAR-10";

    public override Report Run(StudyContext context)
    {
        int batch = context.Pick(16, 64, 64), epochs = context.Pick(2, 6, 60);
        int[] sizes = context.Pick<int[]>([2, 16], [2, 4, 8, 16, 32, 64], [2, 4, 8, 16, 32, 64]);
        var (train, test) = context.Load("cifar10", context.Pick<int?>(160, 4000, null), context.Pick<int?>(64, 1024, null));
        var trial = new Trial(train, test, context.Pick(8, 8, 20), batch, epochs,
            Sample: Math.Min(train.Count, context.Pick(64, 2048, 8192)), context.Device);
        int runs = sizes.Length + 1;
        Outcome[] outcomes = [.. sizes.Index().Select(s => trial.Run(
            $"{s.Item}", NormFactory.Named("ghost", virtualBatch: s.Item), s.Item,
            context.Random, done => context.Progress((s.Index + done) / runs, $"BN, statistics of {s.Item} images")))];
        var gn = trial.Run("GN", NormFactory.Named("gn"), null, context.Random,
            done => context.Progress((runs - 1 + done) / runs, "GN"));

        var report = new Report(Title)
        {
            Introduction = "In training BN normalizes with the mean and variance of a few images, which are noise; to "
                + "evaluate, it takes constants. Which? Running averages remember weights that have changed since. Precise "
                + "statistics are computed anew, over many batches, with the weights as they are. Or it takes each test "
                + "batch's own, as in training.",
        };
        report.Setting("net", $"ResNet-{context.Pick(8, 8, 20)}; BN over parts of the batch (ghost BN), GN with 8 groups");
        report.Setting("training", FormattableString.Invariant($"SGD, batch {batch}, momentum {Momentum}, weight decay {WeightDecay}, ")
            + FormattableString.Invariant($"learning rate {Rate}, ÷10 at 60 %, {Counted.Of(epochs, "epoch")}"));
        report.Setting("precise statistics", $"over {Counted.Of(trial.Sample, "training image")}, in batches of {batch}");
        report.Setting("noise", $"a net is taken to deviate by {GapDeviation} in a gap, in its test error by what counting errors has and 2 % of "
            + "the error");
        AddFindings(report, outcomes, test);
        AddCharts(report, outcomes, gn);
        AddTables(report, [.. outcomes, gn]);
        return report;
    }

    private static void AddFindings(Report report, Outcome[] outcomes, Dataset test)
    {
        Outcome smallest = outcomes[0], largest = outcomes[^1];
        Evaluation few = smallest.Last, many = largest.Last;
        string F(double value) => FormattableString.Invariant($"{value:F1} %");
        Estimate Error(double percent) => Estimate.Error([percent], test.Count, test.Classes);
        // The same nets evaluated in two ways: negative where the first is better.
        Clause Better(IEnumerable<Outcome> nets, Func<Outcome, double> a, Func<Outcome, double> b)
        {
            Outcome[] all = [.. nets];
            double deviation = Math.Sqrt(2) * Error(all.Average(a)).Deviation;
            return Clause.All(Clause.Learns(Error(all.Min(net => Math.Min(a(net), b(net))))),
                Clause.Below(Estimate.Of(all.Select(net => a(net) - b(net)), deviation), Estimate.Exact(0)));
        }
        Estimate Gap(double gap) => Estimate.Of([gap], GapDeviation);
        report.Add(new Finding("With precise statistics the loss in evaluation exceeds that in training by no more than with running ones",
            "running averages are inconsistent with the weights; precise ones are not",
            "gap in loss, mean over epochs: " + string.Join("; ", outcomes.Select(o =>
                FormattableString.Invariant($"{o.Name} images: running {o.MeanRunningGap:+0.00;-0.00}, ")
                + FormattableString.Invariant($"precise {o.MeanPreciseGap:+0.00;-0.00}"))),
            [Clause.Learns(Error(many.Precise.Error)),
                .. outcomes.Select(o => Clause.NotAbove(Gap(o.MeanPreciseGap), Gap(o.MeanRunningGap), 2 * GapDeviation))]));
        report.Add(new Finding("While the rate is high, precise statistics evaluate better than running ones, averaged over the nets",
            "figures 1 and 2: running averages give a noisy validation error",
            string.Join("; ", outcomes.Select(o =>
                $"{o.Name} images: {F(o.Early(e => e.Running.Error))} and {F(o.Early(e => e.Precise.Error))}")),
            Better(outcomes, o => o.Early(e => e.Precise.Error), o => o.Early(e => e.Running.Error))));
        report.Add(new Finding($"Statistics of {smallest.Name} images cost accuracy against {largest.Name}", "32 to 128 images are best",
            $"{F(few.Precise.Error)} over {smallest.Name} images, {F(many.Precise.Error)} over {largest.Name} (precise)",
            Clause.Below(Error(many.Precise.Error), Error(few.Precise.Error))));
        Outcome[] small = [.. outcomes.Where(o => o.Images <= Few)];
        report.Add(new Finding($"Nets trained with statistics of {Few} images or fewer evaluate better with those of test batches than with "
            + "running or precise ones, on average",
            "so for small batches",
            string.Join("; ", small.Select(o =>
                $"{o.Name} images: batch {F(o.Last.Batch.Error)}, precise {F(o.Last.Precise.Error)}, running {F(o.Last.Running.Error)}")),
            Better(small, o => o.Last.Batch.Error, o => o.Last.Precise.Error),
            Better(small, o => o.Last.Batch.Error, o => o.Last.Running.Error)));
    }

    private static void AddCharts(Report report, Outcome[] outcomes, Outcome gn)
    {
        double[] sizes = [.. outcomes.Select(o => (double)o.Images!.Value)];
        Axis error = new("test error (%)"), x = new("images that share statistics") { Log = true, Ticks = Axis.TicksAt(sizes) };
        Series Line(string name, Func<Outcome, double> of) =>
            new(name, sizes, [.. outcomes.Select(of)]) { Style = SeriesStyle.LineAndMarkers };
        Series Level(double value) => Series.Level("GN", value, sizes[0], sizes[^1]) with { Color = 3 };
        var shown = outcomes.LastOrDefault(o => o.Images <= ShownOverTime) ?? outcomes[^1];
        Series OverTime(string name, Func<Evaluation, double> of) =>
            new(name, [.. shown.Epochs.Select((_, epoch) => epoch + 1.0)], [.. shown.Epochs.Select(of)])
            { Style = SeriesStyle.LineAndMarkers };
        report.AddPanels("train_eval_gap",
        [
            new Chart("train_eval_gap_early", "test error while the rate is high", x, error,
                Line("running", o => o.Early(e => e.Running.Error)), Line("precise", o => o.Early(e => e.Precise.Error)),
                Line("batch", o => o.Early(e => e.Batch.Error)), Level(gn.Early(e => e.Running.Error)))
            {
                Caption = "Test error by the statistics that BN takes, over how many images shared statistics in training: "
                    + "mean over the epochs before the rate decays, and at the end. Its course over training. The gap in loss "
                    + "on training images, mean over epochs: where it is above 0, evaluation is worse than training was.",
            },
            new Chart("train_eval_gap_error", "test error at the end", x, error,
                Line("running", o => o.Last.Running.Error), Line("precise", o => o.Last.Precise.Error),
                Line("batch", o => o.Last.Batch.Error), Level(gn.Last.Running.Error)),
            new Chart("train_eval_gap_time", $"test error over training ({shown.Name} images)",
                EpochAxis.To(shown.Epochs.Length), error,
                OverTime("running", e => e.Running.Error), OverTime("precise", e => e.Precise.Error),
                OverTime("batch", e => e.Batch.Error)),
            new Chart("train_eval_gap_loss", "gap on training images", x, new Axis("loss in evaluation − loss in training"),
                Line("running", o => o.MeanRunningGap), Line("precise", o => o.MeanPreciseGap),
                Series.Level("no gap", 0, sizes[0], sizes[^1]) with { Color = 6 }),
        ]);
    }

    private static void AddTables(Report report, Outcome[] outcomes)
    {
        report.Add(new DataTable("train_eval_gap", ["statistics_of", "error_running", "error_precise", "error_batch",
            "gap_running", "gap_precise"],
            [.. outcomes.Select(o => (IReadOnlyList<object>)[o.Name, o.Last.Running.Error, o.Last.Precise.Error,
                o.Last.Batch.Error,
                o.MeanRunningGap, o.MeanPreciseGap])])
        { Caption = "Test errors in percent after training; the gaps are means over epochs. GN has no statistics of the batch." });
        report.Add(new DataTable("train_eval_gap_epochs", ["statistics_of", "epoch", "error_running", "error_precise",
            "error_batch",
            "train_loss_running", "train_loss_precise", "train_loss_batch"],
            [.. outcomes.SelectMany(o => o.Epochs.Select((e, epoch) =>
                (IReadOnlyList<object>)[o.Name, epoch + 1, e.Running.Error, e.Precise.Error,
                e.Batch.Error, e.RunningOnTrain.Loss, e.PreciseOnTrain.Loss, e.BatchOnTrain.Loss]))])
        { Hidden = true });
    }

    /// <summary>What is the same for every net.</summary>
    /// <param name="Sample">How many training images precise statistics and the gap are taken over.</param>
    private sealed record Trial(Dataset Train, Dataset Test, int Depth, int Batch, int Epochs, int Sample, Device Device)
    {
        private const int GapImages = 1024;

        public Outcome Run(string name, NormFactory norm, int? images, RandomStream random, Action<double> progress)
        {
            var model = new ResNet(Depth, norm, random.Fork("weights"), Train.Classes, Train.InputShape[0]);
            var batches = new DataLoader(Train, Batch, random.Fork("data"), dropLast: true);
            var classifier = new Classifier(model.To(Device), batches, Rate, Momentum, WeightDecay);
            return new Outcome(name, images, [.. classifier.Epochs(Epochs, Schedule.Parse("step:0.6"), progress)
                .Select(_ => Evaluate(classifier, random))]);
        }

        /// <summary>Scores with each kind of statistics; the running ones are the same afterwards.</summary>
        private Evaluation Evaluate(Classifier classifier, RandomStream random)
        {
            var seen = Train.Take(Math.Min(GapImages, Sample));
            Score running = classifier.Evaluate(Test), runningOnTrain = classifier.Evaluate(seen);
            using var kept = new KeptBuffers(classifier.Model);
            // In training mode; batches are divided as in training, so that none may be incomplete.
            Score OfBatches(Dataset data) => classifier.Score(new DataLoader(data, Batch, random.Fork("batches"),
                dropLast: true).Epoch(0));
            Score batch = OfBatches(Test), batchOnTrain = OfBatches(seen);
            PreciseBatchNorm.Update(classifier.Model,
                new DataLoader(Train.Take(Sample), Batch, random.Fork("precise"), dropLast: true).Epoch(0).Select(b => b.Images.To(Device)));
            Score precise = classifier.Evaluate(Test), preciseOnTrain = classifier.Evaluate(seen);
            return new Evaluation(running, precise, batch, runningOnTrain, preciseOnTrain, batchOnTrain);
        }
    }

    /// <summary>The scores on test and on training images with each kind of statistics.</summary>
    private sealed record Evaluation(
        Score Running, Score Precise, Score Batch, Score RunningOnTrain, Score PreciseOnTrain, Score BatchOnTrain);

    /// <param name="Images">How many images shared statistics; null where none do.</param>
    private sealed record Outcome(string Name, int? Images, Evaluation[] Epochs)
    {
        public Evaluation Last => Epochs[^1];

        public double MeanRunningGap => Epochs.Average(e => e.RunningOnTrain.Loss - e.BatchOnTrain.Loss);

        public double MeanPreciseGap => Epochs.Average(e => e.PreciseOnTrain.Loss - e.BatchOnTrain.Loss);

        /// <summary>Mean over the epochs before the rate decays.</summary>
        public double Early(Func<Evaluation, double> of) => Epochs.Take(Math.Max(1, Epochs.Length * 6 / 10)).Average(of);
    }
}
