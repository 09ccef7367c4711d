using MiniDL.Examples.Output;
using MiniDL.Examples.Reports;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>
/// Internal covariate shift, measured: how much a layer's gradient changes when the layers before it make their step. VGG and
/// the 25-layer deep linear net, with and without BN. Santurkar et al. 2018, definition 2.1 and figure 3.
/// </summary>
/// <remarks>
/// The layers before the i-th are moved with all that belongs to them, biases, γ and β too; the gradient is that of W_i alone.
/// The paper does not say where the deep linear net has its BN: here after every layer but the last. The preset measures VGG
/// at rate 0.1 alone, every 20 steps; the paper also at 0.01, and every step. "Does not reduce" means here: the median cosine
/// with BN is at most 0.1 above that without, and on VGG the median distance at least half as large. Each net is trained once;
/// from another seed a median cosine is taken to deviate by 0.03, a median distance by a tenth.
/// </remarks>
internal sealed class IcsStudy : Study
{
    private const double CosineMargin = 0.1, CosineDeviation = 0.03, DistanceDeviation = 0.1;
    private static readonly int[] VggLayers = [5, 10], LinearLayers = [9, 17];

    public override string Name => "ics";

    public override string Title => "Does BN reduce internal covariate shift?";

    public override string Paper => $"{VggCharts.Paper}, figure 3";

    public override string DataNote => $"{VggCharts.Data}; random inputs for the deep linear net";

    public override Report Run(StudyContext context)
    {
        var settings = VggSettings.Of(context);
        settings = settings with { Steps = context.Pick(24, 700, settings.Steps) };
        int every = context.Pick(4, 20, 1), linearSteps = context.Pick(60, 4000, 10_000), linearEvery = context.Pick(10, 50, 1);
        double[] rates = context.Pick<double[]>([0.1], [0.1], [0.1, 0.01]);
        Measured[] runs =
        [
            .. rates.SelectMany(rate => OnVgg(context, settings, rate, every)),
            .. new[] { 1e-6, 1e-7 }.SelectMany(rate => OnLinearNet(context, linearSteps, rate, linearEvery)),
        ];

        var report = new Report(Title)
        {
            Introduction = "A layer's step is computed as if the others stood still. Internal covariate shift is how wrong that is: G is "
                + "the gradient of layer i, G′ the one it would have had on the same batch if the layers before it had already made their "
                + "step. Without shift ‖G − G′‖ is 0 and the cosine of their angle 1.",
        };
        report.Setting("VGG", $"{settings.Net}; {settings}; measured every {(every == 1 ? "step" : Counted.Of(every, "step"))} in layers {Names(VggLayers)}");
        report.Setting("deep linear net",
            $"{DeepLinearProblem.Describe(linearSteps)}; measured every {(linearEvery == 1 ? "step" : Counted.Of(linearEvery, "step"))} in layers {Names(LinearLayers)}");
        report.Setting("noise", $"a run is taken to deviate by {CosineDeviation} in a median cosine, by {DistanceDeviation:P0} in a median distance");
        AddFindings(report, runs);
        var groups = runs.GroupBy(run => (run.Net, run.Rate));
        report.AddPanels("ics", [.. groups.SelectMany(group => Panels(group.Key.Net, group.Key.Rate, [.. group]))]);
        report.Add(Summary(runs));
        report.Add(new DataTable("ics", ["net", "norm", "rate", "layer", "step", "difference", "cosine", "gradient_norm"],
        [
            .. runs.SelectMany(run => run.Points.Select(p =>
                (IReadOnlyList<object>)[run.Net, run.Norm, run.Rate, p.Layer, p.Step, p.Difference, p.Cosine, p.GradientNorm])),
        ])
        { Hidden = true });
        return report;
    }

    private static IEnumerable<Measured> OnVgg(StudyContext context, VggSettings settings, double rate, int every)
    {
        var data = context.Load("cifar10", settings.TrainImages, settings.TestImages);
        foreach (string norm in new[] { "bn", "none" })
        {
            var run = new Measured("VGG", norm, rate, []);
            var setup = new VggSetup(norm, norm, rate);
            var training = new VggTraining(settings with { Evaluations = 1 }, setup, data, context);
            training.Look = (step, loss) =>
            {
                if (step % every == 0) run.Points.AddRange(CovariateShift.Measure(training.Net, step, loss, VggLayers, rate));
            };
            double done = norm == "bn" ? 0 : 0.35;
            var record = training.Run(step => context.Progress(done + 0.35 * step / settings.Steps, $"VGG, {norm}, rate {rate}"));
            yield return run with { LastLoss = VggCharts.AtTheEnd(record) };
        }
    }

    private static IEnumerable<Measured> OnLinearNet(StudyContext context, int steps, double rate, int every)
    {
        var problem = new DeepLinearProblem(context.Random.Fork("deep linear"), context.Device);
        foreach (string norm in new[] { "bn", "none" })
        {
            var run = new Measured("deep linear net", norm, rate, []);
            var training = new DeepLinearTraining(problem, norm, rate);
            training.Look = (step, loss) =>
            {
                if (step % every == 0) run.Points.AddRange(CovariateShift.Measure(training.Net, step, loss, LinearLayers, rate));
            };
            training.Run(steps, step => context.Progress(0.7 + 0.3 * step / steps, $"deep linear net, {norm}, rate {rate}"));
            yield return run;
        }
    }

    private static void AddFindings(Report report, Measured[] runs)
    {
        Measured Of(string net, string norm, double rate) => runs.First(r => r.Net == net && r.Norm == norm && r.Rate == rate);
        var (bn, none) = (Of("VGG", "bn", 0.1), Of("VGG", "none", 0.1));
        report.Add(new Finding("BN does not reduce internal covariate shift in VGG",
            $"with BN G and G′ are no closer than without (here: a cosine not above none's + {CosineMargin}, a distance above half of it)",
            $"median cosine {Medians(bn, VggLayers, p => p.Cosine)} with BN, {Medians(none, VggLayers, p => p.Cosine)} without "
                + $"(layers {Names(VggLayers)}); median ‖G − G′‖ {Medians(bn, VggLayers, p => p.Difference)} "
                + $"and {Medians(none, VggLayers, p => p.Difference)}",
            [
                Clause.Learns(bn.LastLoss!),
                .. VggLayers.Select(layer => IsNoNearer(bn, none, layer)),
                .. VggLayers.Select(layer => Clause.Below(Distance(none, layer, 0.5), Distance(bn, layer, 1))),
            ]));
        foreach (double rate in new[] { 1e-7, 1e-6 })
        {
            var (linearBn, linearNone) = (Of("deep linear net", "bn", rate), Of("deep linear net", "none", rate));
            report.Add(new Finding($"BN does not reduce it in the deep linear net at rate {Text(rate)}",
                rate == 1e-7 ? "without BN the cosine is 1 throughout, with BN far lower "
                        + $"(here: a cosine not above none's + {CosineMargin})"
                    : $"with BN no higher than without (here: by {CosineMargin} at most)",
                $"median cosine {Medians(linearBn, LinearLayers, p => p.Cosine)} with BN, "
                    + $"{Medians(linearNone, LinearLayers, p => p.Cosine)} without (layers {Names(LinearLayers)})",
                [.. LinearLayers.Select(layer => IsNoNearer(linearBn, linearNone, layer))])
            { Basis = Basis.Training });
        }
    }

    private static Clause IsNoNearer(Measured bn, Measured none, int layer) => Clause.NotAbove(
        Estimate.Of([bn.Median(layer, p => p.Cosine)], CosineDeviation),
        Estimate.Of([none.Median(layer, p => p.Cosine)], CosineDeviation), CosineMargin);

    private static Estimate Distance(Measured run, int layer, double part) =>
        Estimate.Relative(part * run.Median(layer, p => p.Difference), DistanceDeviation);

    private static string Names(int[] layers) => string.Join(" and ", layers);

    /// <summary>10⁻⁷ for 1e-7, 0.1 as it is.</summary>
    private static string Text(double rate) => rate >= 0.001 ? $"{rate}" : $"10⁻{"⁰¹²³⁴⁵⁶⁷⁸⁹"[-(int)Math.Log10(rate)]}";

    private static string Medians(Measured run, int[] layers, Func<ShiftPoint, double> value) =>
        string.Join(" and ", layers.Select(layer => FormattableString.Invariant($"{run.Median(layer, value):F2}")));

    private static IEnumerable<Chart> Panels(string net, double rate, Measured[] runs)
    {
        bool vgg = net == "VGG";
        string title = $"{(vgg ? net : "Deep linear net")}, rate {Text(rate)}";
        string name = vgg ? $"ics_vgg_{rate}".Replace('.', '_') : $"ics_linear_1e{(int)Math.Log10(rate)}";
        yield return new Chart($"{name}_difference", $"{title}: distance", new Axis("step"), new Axis("‖G − G′‖") { Log = true },
            Lines(runs, p => p.Difference))
        {
            Caption = vgg ? "How far a layer's gradient moves when the layers before it make their step; 0 would be no shift."
                : "The same in a net without activations.",
        };
        yield return new Chart($"{name}_cosine", $"{title}: direction", new Axis("step"), new Axis("cosine of G and G′") { Min = -1, Max = 1 },
            Lines(runs, p => p.Cosine))
        {
            Caption = vgg ? "At 1 the layer's step was computed for the net that it meets."
                : "The nearer to 1, the less the layers below disturb the step.",
        };
    }

    private static Series[] Lines(Measured[] runs, Func<ShiftPoint, double> value) =>
    [
        .. runs.SelectMany(run => run.Points.GroupBy(p => p.Layer).Select((points, index) =>
            new Series($"{(run.Norm == "bn" ? "BN" : "no norm")}, layer {points.Key}", [.. points.Select(p => (double)p.Step)],
                [.. points.Select(value)]) { Color = run.Norm == "bn" ? 0 : 1, Dashed = index > 0 })),
    ];

    private static DataTable Summary(Measured[] runs) => new("ics_medians",
        ["net", "norm", "rate", "layer", "difference", "relative_difference", "cosine"],
        [.. runs.SelectMany(run => run.Points.Select(p => p.Layer).Distinct().Select(run.Row))])
    { Caption = "Medians over the training; the relative difference is ‖G − G′‖ / ‖G‖." };

    private sealed record Measured(string Net, string Norm, double Rate, List<ShiftPoint> Points)
    {
        /// <summary>Of VGG: whether it learned anything.</summary>
        public Estimate? LastLoss { get; init; }

        public double Median(int layer, Func<ShiftPoint, double> value) =>
            Quantile.Of(Points.Where(p => p.Layer == layer).Select(value).Where(double.IsFinite), 0.5);

        public IReadOnlyList<object> Row(int layer) =>
            [Net, Norm, Rate, layer, Median(layer, p => p.Difference), Median(layer, p => p.Relative), Median(layer, p => p.Cosine)];
    }
}
