using MiniDL.Data;
using MiniDL.Examples.Output;
using MiniDL.Examples.Reports;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Examples.Studies.NormsInTraining;

/// <summary>
/// Figure 1 and table 2 of Salimans and Kingma 2016: one convolutional net on CIFAR-10 as it is, with weight normalization
/// (WN), with WN and mean-only batch normalization, and with batch normalization; weight-normalized nets from a plain start and
/// from the paper's data-dependent one.
/// </summary>
/// <remarks>
/// <para>The net is theirs (three 3×3 convolutions, pooling, three wider ones, pooling, one more, two of 1×1, averaging, ten
/// outputs; leaky ReLU 0.1; norms also on the outputs), in the preset with 16 and 32 channels in place of 96 and 192.</para>
/// <para>Different from the paper: SGD with momentum in place of Adam, channels standardized in place of ZCA whitening, no
/// noise on the inputs, dropout in <c>--full</c> alone. The paper trains plain nets at a lower rate than normalized ones; here
/// every net is trained at several rates and judged at its best, the one with the least training loss. Open there: the plain
/// start, here He's normal weights, whose lengths weight normalization takes over.</para>
/// </remarks>
internal sealed class WeightNormStudy : Study
{
    private const double Momentum = 0.9, Slope = 0.1, Dropout = 0.5, WorstShown = 3, LossDeviation = 0.03;
    private const int BatchSize = 100, LayerCount = 10;

    private static readonly Setup[] Setups =
    [
        new("plain", Weights: false, null),
        new("WN", Weights: true, null),
        new("WN (DD)", Weights: true, null) { DataDependent = true },
        new("WN + MBN", Weights: true, channels => new MeanOnlyBatchNorm(channels)),
        new("WN + MBN (DD)", Weights: true, channels => new MeanOnlyBatchNorm(channels)) { DataDependent = true },
        new("BN", Weights: false, channels => new BatchNorm2d(channels)) { ForFeatures = features => new BatchNorm1d(features) },
    ];

    public override string Name => "weight-norm";

    public override string Title => "Weight normalization beside batch normalization, from two starts";

    public override string Paper => "Salimans and Kingma 2016, Weight Normalization (arXiv:1602.07868), figure 1 and table 2";

    public override string DataNote => "CIFAR-10";

    public override Report Run(StudyContext context)
    {
        int width = context.Pick(4, 16, 96), epochs = context.Pick(1, 3, 200);
        double[] rates = context.Pick<double[]>([0.03], [0.003, 0.01, 0.03, 0.1], [0.003, 0.01, 0.03, 0.1]);
        var (train, test) = context.Load("cifar10", context.Pick<int?>(200, 3000, null), context.Pick<int?>(100, 1000, null));
        var start = FirstBatch(train, context.Pick(100, 250, 500), context.Random.Fork("start")).To(context.Device);
        var plan = (from setup in Setups from rate in rates select (setup, rate)).ToArray();
        double dropout = context.Size == StudySize.Full ? Dropout : 0;
        RunRecord[] runs = context.Each(plan, item => FormattableString.Invariant($"{item.setup.Name}, rate {item.rate}"), (item, progress) =>
        {
            var net = Net(item.setup, width, train, context.Random.Fork("weights"), dropout, start);
            return Train(item.setup, net, item.rate, epochs, train, test, context.Random.Fork("data"), progress);
        });
        RunRecord[] best = [.. runs.GroupBy(run => run.Setup).Select(group => group.MinBy(run => run.LastLoss)!)];
        LayerScale[] scales = [.. Setups.Where(s => s.Create is null).SelectMany(setup =>
            Scales(setup, Net(setup, width, train, context.Random.Fork("weights"), 0, start), start))];

        var report = new Report(Title)
        {
            Introduction = "Weight normalization writes each weight vector as a length times a direction, `w = g · v / ‖v‖`, "
                + "so that both are learned apart. It does not fix the scale of activations as BN does; the data-dependent "
                + "start does so once, for one batch, before training. Mean-only BN adds the centring, without the noise of "
                + "BN's variance.\n\nDD: data-dependent start. MBN: mean-only BN.",
        };
        report.Setting("net", $"ConvPool-CNN-C with {width} and {2 * width} channels, leaky ReLU {Slope}");
        report.Setting("training", FormattableString.Invariant($"SGD, momentum {Momentum}, batch {BatchSize}, {Counted.Of(epochs, "epoch")}, ")
            + $"rates {string.Join(", ", rates.Select(rate => FormattableString.Invariant($"{rate}")))}; cosine schedule");
        report.Setting("data-dependent start", $"from {Counted.Of(start.Shape[0], "image")}");
        report.Setting("noise", $"a run is taken to deviate by {LossDeviation} in its loss, in its test error by what counting errors has "
            + "and 2 % of the error");
        AddFindings(report, best, scales, test);
        AddCharts(report, best, runs, scales);
        AddTables(report, runs, scales);
        return report;
    }

    private static Tensor FirstBatch(Dataset data, int count, RandomStream random)
    {
        foreach (var batch in new DataLoader(data, count, random).Epoch(0)) return batch.Images.Keep();
        throw new MiniDLException($"{data.Name} has no images.");
    }

    /// <summary>ConvPool-CNN-C, normalized as the setup says, at its start.</summary>
    private static Sequential Net(Setup setup, int width, Dataset data, RandomStream random, double dropout, Tensor start)
    {
        List<Module> layers = [];
        int channels = data.InputShape[0];
        void Convolution(int outChannels, int kernel, int padding)
        {
            var conv = new Conv2d(channels, outChannels, kernel, padding: padding, bias: setup.Create is null, random: random);
            Init.KaimingNormal(conv.Weight, random, nonlinearity: Nonlinearity.LeakyRelu, negativeSlope: Slope);
            if (conv.Bias is not null) Init.Constant(conv.Bias, 0);
            layers.Add(setup.Weights ? WeightNorm.Apply(conv) : conv);
            if (setup.Create is not null) layers.Add(setup.Create(outChannels));
            layers.Add(new LeakyRelu(Slope));
            channels = outChannels;
        }

        foreach (int stage in new[] { width, 2 * width })
        {
            for (int i = 0; i < 3; i++) Convolution(stage, kernel: 3, padding: 1);
            layers.Add(new MaxPool2d(2));
            if (dropout > 0) layers.Add(new Dropout(dropout, random.Fork("dropout", (ulong)stage)));
        }
        Convolution(2 * width, kernel: 3, padding: 0);
        Convolution(2 * width, kernel: 1, padding: 0);
        Convolution(2 * width, kernel: 1, padding: 0);
        layers.AddRange([new GlobalAvgPool2d(), new Flatten()]);
        var linear = new Linear(channels, data.Classes, bias: setup.Create is null, random: random);
        layers.Add(setup.Weights ? WeightNorm.Apply(linear) : linear);
        if (setup.OnFeatures is { } norm) layers.Add(norm(data.Classes));
        var net = new Sequential([.. layers]);
        net.To(start.Device);
        if (setup.DataDependent) DataDependentInit.Run(net, start);
        return net;
    }

    private static RunRecord Train(Setup setup, Sequential net, double rate, int epochs, Dataset train, Dataset test,
        RandomStream random, Action<double> progress)
    {
        var batches = new DataLoader(train, BatchSize, random, dropLast: true);
        var classifier = new Classifier(net, batches, rate, Momentum);
        List<double> losses = [];
        int steps = epochs * batches.BatchesPerEpoch;
        foreach (var score in classifier.Steps(steps, Schedule.Parse("cosine")))
        {
            progress((double)losses.Count / steps);
            losses.Add(score.Loss);
            if (!double.IsFinite(losses[^1])) break;
        }
        return new RunRecord(setup, rate, [.. losses], double.IsFinite(losses[^1]) ? classifier.Evaluate(test).Error : double.NaN);
    }

    /// <summary>Mean deviation over the outputs of every layer with weights, at the start, for a batch.</summary>
    private static IEnumerable<LayerScale> Scales(Setup setup, Sequential net, Tensor images)
    {
        List<LayerScale> scales = [];
        List<IDisposable> hooks = [];
        foreach (var layer in net.Children.Where(layer => layer is Conv2d or Linear))
            hooks.Add(layer.OnForward((_, _, y) =>
            {
                scales.Add(new LayerScale(setup, scales.Count + 1, OutputDeviation(y)));
                return null;
            }));
        using (new NoGrad())
        using (Scope.Step()) net.Forward(images);
        foreach (var hook in hooks) hook.Dispose();
        return scales;
    }

    /// <summary>√ of the mean over outputs of their variance over batch and positions.</summary>
    private static double OutputDeviation(Tensor y)
    {
        int[] others = y.Rank == 4 ? [0, 2, 3] : [0];
        var centred = y - y.Mean(others, keepDim: true);
        return Math.Sqrt(centred.Square().Mean().Item());
    }

    private static void AddFindings(Report report, RunRecord[] best, LayerScale[] scales, Dataset test)
    {
        RunRecord Of(string name) => best.First(run => run.Setup.Name == name);
        RunRecord plain = Of("plain"), bn = Of("BN"), wn = Best("WN", "WN (DD)"),
            meanOnly = Best("WN + MBN", "WN + MBN (DD)");
        RunRecord Best(string a, string b) => Of(a).LastLoss <= Of(b).LastLoss ? Of(a) : Of(b);
        Estimate Loss(RunRecord run) => Estimate.Loss(run.LastLoss, LossDeviation, test.Classes);
        Estimate Error(RunRecord run) => Estimate.Error([run.TestError], test.Count, test.Classes);
        string Errors(params RunRecord[] runs) => string.Join(", ", runs.Select(run =>
            FormattableString.Invariant($"{run.Setup.Name} {run.TestError:F1} % (loss {run.LastLoss:F2})")));
        report.Add(new Finding("The data-dependent start gives every layer's outputs the deviation 1", "by construction (§3)",
            string.Join("; ", scales.GroupBy(scale => scale.Setup).Select(group =>
                FormattableString.Invariant($"{group.Key.Name} {group.Min(s => s.Std):F2} to {group.Max(s => s.Std):F2}"))),
            Clause.Holds(scales.Where(scale => scale.Setup.DataDependent).All(scale => Math.Abs(scale.Std - 1) < 0.01)))
        { Source = Source.Theory, Basis = Basis.Calculation });
        report.Add(new Finding("WN alone is faster than the plain net: its training loss is lower after the same steps",
            "figure 1; the final error is the same: plain 8.43 %, WN 8.46 %",
            Errors(plain, wn), Clause.Below(Loss(wn), Loss(plain))));
        report.Add(new Finding("WN with mean-only BN is better than WN alone", "7.31 % against 8.46 %", Errors(meanOnly, wn),
            Clause.Below(Error(meanOnly), Error(wn))));
        report.Add(new Finding("WN with mean-only BN is better than BN", "7.31 % against 8.05 %", Errors(meanOnly, bn),
            Clause.Below(Error(meanOnly), Error(bn))));
    }

    private static void AddCharts(Report report, RunRecord[] best, RunRecord[] runs, LayerScale[] scales)
    {
        int window = Math.Max(1, best.Max(run => run.Losses.Length) / 30);
        Axis layers = new("layer") { Ticks = Axis.TicksAt(Enumerable.Range(1, LayerCount).Select(i => (double)i)) };
        Axis rates = new("learning rate") { Log = true, Ticks = Axis.TicksAt(runs.Select(run => run.Rate).Distinct()) };
        Chart ByRate(string name, string title, string label, Func<RunRecord, double> of) =>
            new(name, title, rates, new Axis(label),
                [.. runs.GroupBy(run => run.Setup).Select(group => new Series(group.Key.Name, [.. group.Select(run => run.Rate)],
                [.. group.Select(of)])
                { Style = SeriesStyle.LineAndMarkers })]);
        report.AddPanels("weight_norm",
        [
            new Chart("weight_norm_start", "before training", layers,
                new Axis("deviation of a layer's outputs") { Min = 0 },
                [.. scales.GroupBy(scale => scale.Setup).Where(group => group.Key.Weights).Select(group =>
                    new Series(group.Key.DataDependent ? "data-dependent start (DD)" : "plain start",
                        [.. group.Select(scale => (double)scale.Layer)],
                        [.. group.Select(scale => scale.Std)])
                    { Style = SeriesStyle.LineAndMarkers, Color = Array.IndexOf(Setups, group.Key) })])
            {
                Caption = "How large the outputs of each layer are before training: the data-dependent start makes them 1. "
                    + "Then the training loss at the best of the rates, averaged over some steps; the loss at the end, and the "
                    + "test error, by rate. A line ends where training diverges.",
            },
            new Chart("weight_norm_loss", "training loss, each at its best rate", new Axis("step"),
                new Axis("loss") { Max = WorstShown },
                [.. best.Select(run => new Series(run.Setup.Name, [.. run.Smooth(window).Select((_, i) => (i + 1.0) * window)],
                    run.Smooth(window)))]),
            ByRate("weight_norm_rate", "training loss at the end, by rate", "loss", run => run.LastLoss),
            ByRate("weight_norm_error", "test error, by rate", "test error (%)",
                run => double.IsFinite(run.LastLoss) ? run.TestError : double.NaN),
        ]);
    }

    private static void AddTables(Report report, RunRecord[] runs, LayerScale[] scales)
    {
        report.Add(new DataTable("weight_norm", ["setup", "rate", "train_loss", "test_error"],
            [.. runs.Select(run => (IReadOnlyList<object>)[run.Setup.Name, run.Rate, run.LastLoss, run.TestError])])
        { Caption = "The mean training loss over the last tenth of the steps, and the test error in percent." });
        report.Add(new DataTable("weight_norm_steps", ["setup", "rate", "step", "loss"],
            [.. runs.SelectMany(run => run.Losses.Select((loss, step) =>
                (IReadOnlyList<object>)[run.Setup.Name, run.Rate, step + 1, loss]))])
        { Hidden = true });
        report.Add(new DataTable("weight_norm_start", ["setup", "layer", "std"],
            [.. scales.Select(scale => (IReadOnlyList<object>)[scale.Setup.Name, scale.Layer, scale.Std])])
        { Hidden = true });
    }

    /// <summary>How the net is normalized.</summary>
    /// <param name="Weights">Whether its weights are normalized.</param>
    /// <param name="Create">The norm after every convolution, if any.</param>
    private sealed record Setup(string Name, bool Weights, Func<int, Norm>? Create)
    {
        public bool DataDependent { get; init; }

        /// <summary>The norm for features, where it is another one.</summary>
        public Func<int, Norm>? ForFeatures { get; init; }

        public Func<int, Norm>? OnFeatures => ForFeatures ?? Create;
    }

    /// <summary>One training: the loss of every step.</summary>
    private sealed record RunRecord(Setup Setup, double Rate, double[] Losses, double TestError)
    {
        public double LastLoss => double.IsFinite(Losses[^1]) ? Losses.TakeLast(Math.Max(1, Losses.Length / 10)).Average()
            : double.PositiveInfinity;

        /// <summary>Means over so many steps.</summary>
        public double[] Smooth(int window) =>
            [.. Losses.Chunk(window).Where(chunk => chunk.Length == window).Select(chunk => chunk.Average())];
    }

    /// <param name="Layer">From 1.</param>
    /// <param name="Std">The deviation of its outputs over a batch.</param>
    private sealed record LayerScale(Setup Setup, int Layer, double Std);
}
