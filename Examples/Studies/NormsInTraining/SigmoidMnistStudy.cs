using MiniDL.Data;
using MiniDL.Examples.Output;
using MiniDL.Examples.Reports;
using MiniDL.Layers;

namespace MiniDL.Examples.Studies.NormsInTraining;

/// <summary>
/// Figure 1 of Ioffe and Szegedy 2015: a net of three layers of 100 sigmoids on binary images of digits, batches of 60, with
/// batch normalization before every sigmoid and without. (a) the test accuracy over the steps; (b, c) the 15th, 50th and 85th
/// percentiles of what enters one sigmoid of the last hidden layer.
/// </summary>
/// <remarks>
/// <para>Open in the paper: the optimizer and its rate (plain SGD at 0.1), the deviation of the "small random Gaussian values"
/// (0.1; smaller ones keep the plain net at chance for longer, larger ones take most of its delay away), which unit is the
/// "typical" one (the first; the table has a number over all), and over which images its percentiles go: here the same test
/// images at every checkpoint, in evaluation mode. Over a training batch BN's output would have the mean β and the deviation γ
/// by construction.</para>
/// <para>A unit's drift is the range that its median covers over all checkpoints, divided by the mean distance of its 15th and
/// 85th percentiles.</para>
/// </remarks>
internal sealed class SigmoidMnistStudy : Study
{
    private const double Rate = 0.1, WeightStd = 0.1;

    /// <summary>The part of steps and drift by which another seed is taken to change them.</summary>
    private const double Deviation = 0.1;
    private const int BatchSize = 60, Hidden = 100, Layers = 3, ShownUnit = 0;

    public override string Name => "sigmoid-mnist";

    public override string Title => "Does batch normalization keep a sigmoid's input in place, and does the net learn faster "
        + "for it?";

    public override string Paper => "Ioffe and Szegedy 2015, Batch Normalization: Accelerating Deep Network Training by Reducing "
        + "Internal Covariate Shift (arXiv:1502.03167), figure 1";

    public override string DataNote => "MNIST, every pixel 0 or 1";

    public override Report Run(StudyContext context)
    {
        int steps = context.Pick(300, 20_000, 50_000), checkpoints = context.Pick(15, 80, 100);
        var (train, test) = context.Load("mnist", context.Pick<int?>(600, null, null), context.Pick<int?>(200, null, null));
        var (binary, unseen) = (Binary((ImageDataset)train), Binary((ImageDataset)test));
        Trace Watch(string norm, int run) => Train(norm, binary, unseen, steps, steps / checkpoints, context.Random, context.Device,
            done => context.Progress((run + done) / 2, norm == "bn" ? "with BN" : "without BN"));
        Trace plain = Watch("none", 0), bn = Watch("bn", 1);

        var report = new Report(Title)
        {
            Introduction = "Three layers of 100 sigmoids and ten outputs learn "
                + $"{StudyContext.ImagesOf(train.Name)}, every pixel 0 or 1, once as they are and "
                + "once with BN before every sigmoid. The second and third panel are about the paper's explanation of BN: "
                + "that without it what enters a sigmoid wanders about while the layers below learn, and the layer has to follow, "
                + "and that with it the input stays where it was.",
        };
        report.Setting("net", $"{binary.InputShape.Count}-100-100-100-10, sigmoids, weights N(0, {WeightStd}²), biases 0");
        report.Setting("training", $"plain SGD, learning rate {Rate}, batch {BatchSize}, {Counted.Of(steps, "step")}");
        report.Setting("percentiles", $"over {Counted.Of(Sample(unseen).Count, "test image")} in evaluation mode");
        report.Setting("noise", $"a run is taken to deviate by a checkpoint and {Deviation:P0} in its steps, by {Deviation:P0} in its drift, "
            + "in its test error by what counting errors has and 2 % of the error");
        AddFindings(report, plain, bn, test);
        AddCharts(report, plain, bn);
        AddTables(report, plain, bn);
        return report;
    }

    private static void AddFindings(Report report, Trace plain, Trace bn, Dataset test)
    {
        double plain90 = plain.StepsTo(90), bn90 = bn.StepsTo(90);
        Estimate Error(Trace trace) => Estimate.Error([100 - trace.Accuracy[^1]], test.Count, test.Classes);
        Estimate StepsOf(double steps) => Estimate.Of([steps], bn.Steps[0] + Deviation * steps);
        Estimate Drift(Trace trace) => Estimate.Relative(trace.MedianDrift, Deviation);
        var learns = Clause.Learns(Error(bn));
        report.Add(new Finding("With BN the net learns faster: it takes fewer steps to 90 % of the test images", "figure 1(a): the curve with BN is ahead from the first steps on",
            $"90 % of the test images after {Steps(bn90)} with BN, after {Steps(plain90)} without",
            learns, Clause.Below(StepsOf(bn90), StepsOf(plain90))));
        report.Add(new Finding("With BN it ends at a higher accuracy", "figure 1(a): it is still ahead after 50,000 steps",
            FormattableString.Invariant($"{bn.Accuracy[^1]:F2} % against {plain.Accuracy[^1]:F2} % after {bn.Steps[^1]:N0} steps"),
            Clause.Below(Error(bn), Error(plain))));
        report.Add(new Finding("With BN the distribution of a sigmoid's input drifts less", "figure 1(b, c): one unit, by eye",
            FormattableString.Invariant($"the median of a unit drifts over {bn.MedianDrift:F2} of its own width with BN, ")
                + FormattableString.Invariant($"{plain.MedianDrift:F2} without (median of 100 units)"),
            learns, Clause.Below(Drift(bn), Drift(plain))));
    }

    private static string Steps(double steps) => double.IsInfinity(steps) ? "more steps than were taken" : FormattableString.Invariant($"{steps:N0} steps");

    private static void AddCharts(Report report, Trace plain, Trace bn)
    {
        Trace[] both = [plain, bn];
        double low = both.Min(t => t.Of(ShownUnit).Min(p => p.Low)), high = both.Max(t => t.Of(ShownUnit).Max(p => p.High));
        Chart Percentiles(string panel, Trace trace, int color) => new($"sigmoid_mnist_{trace.Norm}", panel, new Axis("step"),
            new Axis("input of a sigmoid") { Min = low - 0.3, Max = high + 0.3 },
            new Series("", trace.Steps, [.. trace.Of(ShownUnit).Select(p => p.Median)])
            {
                Low = [.. trace.Of(ShownUnit).Select(p => p.Low)],
                High = [.. trace.Of(ShownUnit).Select(p => p.High)],
                Color = color,
            });
        report.AddPanels("sigmoid_mnist",
        [
            new Chart("sigmoid_mnist_accuracy", "(a) test accuracy", new Axis("step"),
                new Axis("test accuracy (%)") { Min = Math.Min(70, bn.Accuracy[0]), Max = 100 },
                new Series("without BN", plain.Steps, plain.Accuracy), new Series("with BN", bn.Steps, bn.Accuracy))
            {
                Caption = "As the paper's figure 1. (a) Its net without BN first has to leave a plateau at chance. (b, c) What enters "
                    + "the first sigmoid of the last hidden layer, over test images: how far does it move, and how far widen, "
                    + "while the layers below learn? (d) The drift of all 100 units.",
            },
            Percentiles("(b) without BN: median, 15th to 85th percentile", plain, 0),
            Percentiles("(c) with BN: median, 15th to 85th percentile", bn, 1),
            new Chart("sigmoid_mnist_drift", "(d) all units of the last hidden layer, sorted", new Axis("unit"),
                new Axis("drift of the median / width") { Min = 0 },
                [.. both.Select((trace, i) => new Series(i == 0 ? "without BN" : "with BN",
                    [.. Enumerable.Range(1, Hidden).Select(unit => (double)unit)], [.. trace.Drifts.Order()]))]),
        ]);
    }

    private static void AddTables(Report report, Trace plain, Trace bn)
    {
        Trace[] both = [plain, bn];
        report.Add(new DataTable("sigmoid_mnist", ["norm", "step", "test_accuracy", "train_loss", "p15", "p50", "p85"],
            [.. both.SelectMany(trace => trace.Rows(ShownUnit))])
        { Hidden = true });
        report.Add(new DataTable("sigmoid_mnist_drift", ["norm", "units", "drift_median", "drift_p10", "drift_p90"],
            [.. both.Select(trace => (IReadOnlyList<object>)[trace.Norm, Hidden, trace.MedianDrift,
                Quantile.Of(trace.Drifts, 0.1), Quantile.Of(trace.Drifts, 0.9)])])
        {
            Caption = "How far the median of a last-layer sigmoid's input wanders over training, in units of its own "
            + "15th-to-85th width, over all units."
        });
    }

    private static Trace Train(string norm, Dataset train, Dataset test, int steps, int every, RandomStream random,
        Device device, Action<double> progress)
    {
        var (model, last) = Net(NormFactory.Named(norm), train.InputShape.Count, random.Fork("weights"));
        var classifier = new Classifier(model.To(device), new DataLoader(train, BatchSize, random.Fork("data"), dropLast: true), Rate);
        var trace = new Trace(norm);
        double loss = 0;
        foreach (var (index, score) in classifier.Steps(steps).Index())
        {
            loss += score.Loss;
            if ((index + 1) % every != 0) continue;
            progress((double)index / steps);
            trace.Add(index + 1, 100 - classifier.Evaluate(test).Error, loss / every,
                InputsOf(last, () => classifier.Evaluate(Sample(test))));
            loss = 0;
        }
        return trace;
    }

    private static Dataset Sample(Dataset test) => test.Take(Math.Min(1000, test.Count));

    /// <summary>Linear, norm and sigmoid three times, and a linear layer; with the last norm.</summary>
    private static (Module Net, Norm Last) Net(NormFactory norm, int inputs, RandomStream random)
    {
        List<Module> layers = [new Flatten()];
        for (int i = 0; i <= Layers; i++)
        {
            var linear = new Linear(i == 0 ? inputs : Hidden, i < Layers ? Hidden : 10, random: random);
            Init.Normal(linear.Weight, random, std: WeightStd);
            Init.Constant(linear.Bias!, 0);
            layers.Add(linear);
            if (i < Layers) layers.AddRange([norm.CreateForFeatures(Hidden), new Sigmoid()]);
        }
        return (new Sequential([.. layers]), layers.OfType<Norm>().Last());
    }

    /// <summary>The 15th, 50th and 85th percentiles of every unit that a norm gives, over what is evaluated.</summary>
    private static Spread[] InputsOf(Norm norm, Action evaluate)
    {
        List<float[]> outputs = [];
        using (norm.OnForward((_, _, y) => { outputs.Add(y.ToArray()); return null; })) evaluate();
        double[] Unit(int unit) =>
            [.. outputs.SelectMany(y => y.Where((_, i) => i % Hidden == unit)).Select(value => (double)value)];
        return [.. Enumerable.Range(0, Hidden).Select(Unit)
            .Select(values => new Spread(Quantile.Of(values, 0.15), Quantile.Of(values, 0.5), Quantile.Of(values, 0.85)))];
    }

    /// <summary>The images in black and white: pixels above half become 1, others 0; of colour images the first channel.</summary>
    private static ImageDataset Binary(ImageDataset images)
    {
        int plane = images.InputShape[1] * images.InputShape[2];
        var pixels = new byte[images.Count * plane];
        for (int i = 0; i < images.Count; i++)
            for (int j = 0; j < plane; j++) pixels[i * plane + j] = (byte)(images.Pixels(i)[j] > 127 ? 255 : 0);
        long[] labels = [.. Enumerable.Range(0, images.Count).Select(images.Label)];
        Shape shape = [1, images.InputShape[1], images.InputShape[2]];
        return new ImageDataset(images.Name, pixels, shape, labels, images.ClassNames, mean: [0], std: [1]);
    }

    /// <summary>Three percentiles of what enters a sigmoid.</summary>
    private readonly record struct Spread(double Low, double Median, double High);

    /// <summary>What is seen of one net over its training.</summary>
    private sealed class Trace(string norm)
    {
        private readonly List<double> _steps = [], _accuracy = [], _loss = [];
        private readonly List<Spread[]> _units = [];

        public string Norm => norm;

        public double[] Steps => [.. _steps];

        /// <summary>Of the test images, in percent.</summary>
        public double[] Accuracy => [.. _accuracy];

        /// <summary>The drift of every unit.</summary>
        public double[] Drifts => [.. Enumerable.Range(0, Hidden).Select(Of)
            .Select(unit => (unit.Max(p => p.Median) - unit.Min(p => p.Median)) / unit.Average(p => p.High - p.Low))];

        public double MedianDrift => Quantile.Of(Drifts, 0.5);

        public void Add(int step, double accuracy, double loss, Spread[] units)
        {
            _steps.Add(step);
            _accuracy.Add(accuracy);
            _loss.Add(loss);
            _units.Add(units);
        }

        /// <summary>One unit over training.</summary>
        public Spread[] Of(int unit) => [.. _units.Select(units => units[unit])];

        /// <summary>The first checkpoint with this accuracy; infinity without one.</summary>
        public double StepsTo(double accuracy) =>
            _accuracy.FindIndex(a => a >= accuracy) is >= 0 and var index ? _steps[index] : double.PositiveInfinity;

        public IEnumerable<IReadOnlyList<object>> Rows(int unit) => Of(unit).Select((p, i) =>
            (IReadOnlyList<object>)[norm, (int)_steps[i], _accuracy[i], _loss[i], p.Low, p.Median, p.High]);
    }
}
