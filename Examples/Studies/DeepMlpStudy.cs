using MiniDL.Examples.Reports;
using MiniDL.Layers;

namespace MiniDL.Examples.Studies;

/// <summary>
/// What becomes of the activations in a deep net of random weights: 100 linear layers of 256 units, each followed by ReLU, on a
/// batch of 16 standard normal inputs; the standard deviation after each layer for five ways to draw the weights, and with BN.
/// </summary>
/// <remarks>
/// <para>After Ioffe and Szegedy 2015 (BN) and He et al. 2015 (initial values); the experiment is one of lectures and blogs.
/// Layers have no bias: PyTorch's would put a floor under the smallest activations.</para>
/// <para>What theory says. Every layer without a norm multiplies the second moment by <c>σ_w² · 256 / 2</c>: ×0.408 in
/// deviation for PyTorch's default, ×11.3 for N(0, 1), ×0.113 for N(0, 0.01²), ×1 for Kaiming, whose first layer has
/// <c>√(1 − 1/π) = 0.8256</c>. After BN a unit's n values are a centred direction of n − 1 dimensions scaled to length √n, so its ReLU
/// has the deviation <c>√(½ − (n−1) Γ((n−1)/2)² / (4π Γ(n/2)²))</c>: 0.5792 for n = 16. BN after the ReLU gives 1.</para>
/// </remarks>
internal sealed class DeepMlpStudy : Study
{
    private const int Width = 256, Batch = 16;

    public override string Name => "deep-mlp";

    public override string Title => "What keeps the activations of a 100-layer net alive?";

    public override string Paper => "Ioffe and Szegedy 2015, Batch Normalization (arXiv:1502.03167); initial values of He "
        + "et al. 2015, Delving Deep into Rectifiers (arXiv:1502.01852)";

    public override string DataNote => "none: standard normal inputs";

    /// <inheritdoc/>
    public override bool Trains => false;

    /// <summary>The deviation of a ReLU's output after BN over a batch of n, for isotropic inputs.</summary>
    public static double StdBehindBatchNorm(int n) =>
        Math.Sqrt(0.5 - (n - 1) * GammaRatio(n) * GammaRatio(n) / (4 * Math.PI));

    /// <summary>The deviation of the first ReLU's output for standard normal inputs and Kaiming weights: √(1 − 1/π).</summary>
    public static double StdOfFirstKaimingLayer { get; } = Math.Sqrt(1 - 1 / Math.PI);

    /// <summary>Γ((n − 1)/2) / Γ(n/2), from n = 2 or 3 upwards in steps of two.</summary>
    private static double GammaRatio(int n)
    {
        double ratio = n % 2 == 0 ? Math.Sqrt(Math.PI) : 2 / Math.Sqrt(Math.PI);
        for (int k = n % 2 == 0 ? 2 : 3; k < n; k += 2) ratio *= (k - 1.0) / k;
        return ratio;
    }

    public override Report Run(StudyContext context)
    {
        int layers = context.Pick(20, 100, 100), nets = context.Pick(3, 10, 40);
        var runs = new double[nets][][];
        for (int net = 0; net < nets; net++)
        {
            context.Progress((double)net / nets, $"net {net + 1} of {nets}");
            runs[net] = Deviations(layers, context.Random.Fork("net", (ulong)net));
        }
        Curve[] curves = [.. Setups.Index().Select(s => new Curve(s.Item, [.. runs.Select(run => run[s.Index])]))];
        var batches = BehindFirstBatchNorm(context);

        var report = new Report(Title)
        {
            Introduction = $"{Batch} vectors of {Width} standard normal numbers are {layers} times in a row multiplied by a "
                + "random matrix and put through ReLU; nothing is trained. How large are the activations after each layer? "
                + "The six setups use the same random numbers, scaled. Lines are medians over nets, bands go from the 10th to "
                + "the 90th percentile.\n\n"
                + "Layers have no bias: PyTorch's would put a floor under the smallest activations.",
        };
        report.Setting("net", $"{layers} linear layers of {Width} units without bias, each with ReLU");
        report.Setting("batch", Batch);
        report.Setting("nets", nets);
        AddFindings(report, curves);
        report.Add(AllSetups(curves));
        report.Add(WithinReach(curves));
        report.Add(OverBatchSizes(batches));
        report.Add(new DataTable("deep_mlp_std", ["setup", "layer", "std_median", "std_p10", "std_p90"],
            [.. curves.SelectMany(curve => curve.Rows())])
        { Hidden = true });
        report.Add(new DataTable("deep_mlp_batch", ["batch", "std", "theory"], [.. batches.Select(b => b.Row)])
        { Caption = "Deviation of a ReLU's output after BN, in the first layer, mean over nets." });
        return report;
    }

    /// <summary>The deviation after every layer, for every setup with the same random numbers.</summary>
    private static double[][] Deviations(int layers, RandomStream random)
    {
        using var noGrad = new NoGrad();
        var inputs = Tensor.Normal([Batch, Width], random.Fork("inputs"));
        var activations = Setups.Select(_ => inputs).ToArray();
        var deviations = Setups.Select(_ => new double[layers]).ToArray();
        for (int layer = 0; layer < layers; layer++)
        {
            using var step = Scope.Step();
            var normal = Tensor.Normal([Width, Width], random.Fork("normal", (ulong)layer));
            var uniform = Tensor.Uniform([Width, Width], random.Fork("uniform", (ulong)layer), -1, 1);
            foreach (var (index, setup) in Setups.Index())
            {
                var weight = (setup.Uniform ? uniform : normal) * (float)setup.Scale;
                activations[index] = setup.Activate(activations[index].Linear(weight, null)).Keep();
                deviations[index][layer] = Deviation(activations[index]);
            }
        }
        return deviations;
    }

    /// <summary>The deviation after one layer with BN, for several batch sizes.</summary>
    private static BatchPoint[] BehindFirstBatchNorm(StudyContext context)
    {
        using var noGrad = new NoGrad();
        int nets = context.Pick(20, 200, 1000);
        return [.. new[] { 2, 4, 8, 16, 32, 64, 128, 256 }.Select(n => new BatchPoint(n,
            Enumerable.Range(0, nets).Average(net => Once(n, context.Random.Fork($"batch {n}", (ulong)net)))))];

        static double Once(int n, RandomStream random)
        {
            using var step = Scope.Step();
            // The product of isotropic inputs and weights is isotropic over the batch: it can be drawn itself.
            return Deviation(new BatchNorm1d(Width).Forward(Tensor.Normal([n, Width], random)).Relu());
        }
    }

    /// <summary>Of all values, in double: a sum of squares in float would be 0 or infinite long before the values are.</summary>
    private static double Deviation(Tensor x)
    {
        double[] values = [.. x.ToArray().Select(value => (double)value)];
        double mean = values.Average();
        return Math.Sqrt(values.Average(value => (value - mean) * (value - mean)));
    }

    private static void AddFindings(Report report, Curve[] curves)
    {
        Curve Of(string name) => curves.First(curve => curve.Setup.Name == name);
        var (before, after, kaiming) = (Of(BnBefore), Of(BnAfter), Of(Kaiming));
        int last = before.Median.Length;
        double theory = StdBehindBatchNorm(Batch);
        Add("BN before the ReLU keeps every layer's deviation at theory's value",
            FormattableString.Invariant($"{theory:F4} at batch {Batch}"),
            FormattableString.Invariant($"{before.Median.Min():F4} to {before.Median.Max():F4} over {last} layers"),
            Clause.Holds(before.Median.All(value => Math.Abs(value - theory) < 0.03)));
        Add("BN after the ReLU keeps it at 1", "1",
            FormattableString.Invariant($"{after.Median.Min():F4} to {after.Median.Max():F4}"),
            Clause.Holds(after.Median.All(value => Math.Abs(value - 1) < 0.01)));
        Add("Kaiming's initial values keep the size of activations on average, but each net wanders",
            FormattableString.Invariant($"first layer {StdOfFirstKaimingLayer:F4}, a factor of 1 a layer; a random walk around it"),
            FormattableString.Invariant($"first layer {kaiming.Median[0]:F4}, a factor of {kaiming.MeanFactor:F3} a layer; ")
                + FormattableString.Invariant($"10th to 90th percentile of layer {last}: {kaiming.Low[^1]:F2} to {kaiming.High[^1]:F2}"),
            Clause.Holds(Math.Abs(kaiming.Median[0] - StdOfFirstKaimingLayer) < 0.03),
            Clause.Holds(Math.Abs(kaiming.MeanFactor - 1) < 0.05),
            Clause.Holds(kaiming.High[^1] > 1.3 * kaiming.Low[^1]));
        Add("Weights of another scale make activations vanish or explode exponentially",
            "a factor a layer: 0.408 (PyTorch's default), 11.3 (N(0, 1)), 0.113 (N(0, 0.01²))",
            string.Join(", ", curves.Where(c => c.Setup.Factor is not (1 or null)).Select(curve =>
                FormattableString.Invariant($"{curve.MeanFactor:G3} ({curve.Setup.Name})"))),
            Clause.Holds(curves.Where(c => c.Setup.Factor is not (1 or null))
                .All(c => Math.Abs(c.MeanFactor / c.Setup.Factor!.Value - 1) < 0.05)));

        void Add(string claim, string theory, string ours, params Clause[] clauses) =>
            report.Add(new Finding(claim, theory, ours, clauses) { Source = Source.Theory, Basis = Basis.Calculation });
    }

    private static Chart AllSetups(Curve[] curves) => new("deep_mlp_std", "Activations after each layer",
        new Axis("layer") { Whole = true }, new Axis("standard deviation") { Log = true, Min = 1e-40, Max = 1e40 },
        [.. curves.Select(curve => curve.Series)])
    {
        Caption = "Three of the five ways to draw the weights lose the signal: it falls below, or rises above, what a float "
            + "can hold (where a line ends). With BN the scale of the weights does not matter.",
    };

    private static Chart WithinReach(Curve[] curves)
    {
        int layers = curves[0].Median.Length;
        return new Chart("deep_mlp_norm", "The three that live, and theory", new Axis("layer"),
            new Axis("standard deviation") { Min = 0, Max = 1.8 },
            [
                .. curves.Where(curve => curve.Setup.Factor is 1 or null).Select(curve => curve.Series with { Color = curve.Color }),
                Series.Level(FormattableString.Invariant($"√(1 − 1/π) = {StdOfFirstKaimingLayer:F4}"),
                    StdOfFirstKaimingLayer, 1, layers),
                Series.Level(FormattableString.Invariant($"theory, batch {Batch}: {StdBehindBatchNorm(Batch):F4}"),
                    StdBehindBatchNorm(Batch), 1, layers),
            ])
        {
            Caption = "Kaiming's weights keep the deviation only on average: nets drift apart, layer by layer. BN holds it: "
                + "at 0.579 where it stands before the ReLU, as theory says for a batch of 16, at 1 where it stands after.",
        };
    }

    private static Chart OverBatchSizes(BatchPoint[] points) => new("deep_mlp_batch", "One layer with BN before the ReLU",
        new Axis("batch size") { Log = true, Ticks = Axis.TicksAt(points.Select(p => (double)p.Batch)) },
        new Axis("standard deviation") { Min = 0.49, Max = 0.6 },
        [
            new Series("measured", [.. points.Select(p => (double)p.Batch)], [.. points.Select(p => p.Std)])
            {
                Style = SeriesStyle.Markers,
            },
            new Series("theory", [.. points.Select(p => (double)p.Batch)], [.. points.Select(p => p.Theory)]) { Dashed = true },
        ])
    {
        Caption = "BN's output depends on the size of the batch even before anything is learned: two values are ±1, many "
            + "are normal. The limit is √(½ − 1/2π) = 0.5838.",
    };

    private const string Kaiming = "Kaiming", BnBefore = "BN before ReLU", BnAfter = "BN after ReLU";

    private static readonly Setup[] Setups =
    [
        new("PyTorch's default", 1 / Math.Sqrt(Width), Math.Sqrt(1.0 / 6)) { Uniform = true },
        new("N(0, 1)", 1, Math.Sqrt(Width / 2.0)),
        new("N(0, 0.01²)", 0.01, 0.01 * Math.Sqrt(Width / 2.0)),
        new(Kaiming, Math.Sqrt(2.0 / Width), 1),
        new(BnBefore, Math.Sqrt(2.0 / Width), null) { Activate = x => new BatchNorm1d(Width).Forward(x).Relu() },
        new(BnAfter, Math.Sqrt(2.0 / Width), null) { Activate = x => new BatchNorm1d(Width).Forward(x.Relu()) },
    ];

    /// <summary>A way to draw the weights, and what follows a layer.</summary>
    /// <param name="Scale">Of standard normal numbers, or of numbers uniform in ±1.</param>
    /// <param name="Factor">What theory says a layer multiplies the deviation by; null with BN.</param>
    private sealed record Setup(string Name, double Scale, double? Factor)
    {
        public bool Uniform { get; init; }

        public Func<Tensor, Tensor> Activate { get; init; } = x => x.Relu();
    }

    /// <summary>The deviations after each layer, over nets.</summary>
    private sealed class Curve
    {
        public Curve(Setup setup, double[][] nets)
        {
            double[] Over(double quantile) =>
                [.. nets[0].Select((_, layer) => Quantile.Of(nets.Select(net => net[layer]), quantile))];
            (Setup, Median, Low, High) = (setup, Over(0.5), Over(0.1), Over(0.9));
        }

        public Setup Setup { get; }

        public double[] Median { get; }

        public double[] Low { get; }

        public double[] High { get; }

        public int Color => Array.IndexOf(Setups, Setup);

        /// <summary>The factor a layer over the first layers, where floats are not yet at their ends.</summary>
        public double MeanFactor => Math.Pow(Median[15] / Median[0], 1.0 / 15);

        public Series Series => new(Setup.Name, [.. Enumerable.Range(1, Median.Length).Select(layer => (double)layer)], Median)
        {
            Low = Low,
            High = High,
        };

        public IEnumerable<IReadOnlyList<object>> Rows() =>
            Median.Select((median, layer) => (IReadOnlyList<object>)[Setup.Name, layer + 1, median, Low[layer], High[layer]]);
    }

    private sealed record BatchPoint(int Batch, double Std)
    {
        public double Theory => StdBehindBatchNorm(Batch);

        public IReadOnlyList<object> Row => [Batch, Std, Theory];
    }
}
