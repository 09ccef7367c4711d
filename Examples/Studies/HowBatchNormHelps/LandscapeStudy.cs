using MiniDL.Examples.Output;
using MiniDL.Examples.Reports;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>
/// What the loss and its gradient do along the gradient, in each step of a training: VGG and the deep linear net, with and
/// without BN. Santurkar et al. 2018, figures 4 and 10.
/// </summary>
/// <remarks>
/// Step lengths are the paper's ranges, ½ to 4 times the learning rate for VGG and 1/100 to 30 times for the deep linear net,
/// at four and five geometrically spaced lengths (the paper does not say how many). Each is measured on the step's batch, with
/// batch statistics taken anew; ranges are over the lengths and do not include the starting point. Smoothness is the largest
/// change of the gradient over the distance, ‖∇f(x) − ∇f(x − η∇f)‖ / (η‖∇f‖). Findings compare 95th percentiles over the
/// training: the paper speaks of the spikes in its plots, and a median is low for a net without norms while it sits on its
/// first plateau, where nothing varies. Each net is trained once; from another seed a percentile is taken to deviate by a tenth.
/// </remarks>
internal sealed class LandscapeStudy : Study
{
    private const double VggRate = 0.1, LinearRate = 1e-6;
    private const double Peak = 0.95;
    private const double Deviation = 0.1;
    private static readonly double[] VggLengths = [0.5, 1, 2, 4], LinearLengths = [0.01, 0.1, 1, 10, 30];

    public override string Name => "landscape";

    public override string Title => "Does BN make the loss smoother?";

    public override string Paper => $"{VggCharts.Paper}, figures 4 and 10";

    public override string DataNote => $"{VggCharts.Data}; random inputs for the deep linear net";

    public override Report Run(StudyContext context)
    {
        var settings = VggSettings.Of(context);
        settings = settings with { Steps = context.Pick(24, 1000, settings.Steps) };
        int every = context.Pick(6, 20, 1), linearSteps = context.Pick(60, 4000, 10_000), linearEvery = context.Pick(10, 40, 1);
        Measured[] runs = [.. OnVgg(context, settings, every), .. OnLinearNet(context, linearSteps, linearEvery)];

        var report = new Report(Title)
        {
            Introduction = "A gradient promises how the loss falls. From where the training stands in a step, the net is moved along the "
                + "gradient by several lengths η, and the loss f and its gradient are computed there. Three questions: over which range does "
                + "the loss vary? How wrong does the gradient become, ‖∇f(x) − ∇f(x − η∇f)‖? How fast, as the effective smoothness β, the "
                + "largest of that over the distance η‖∇f‖?\n\n"
                + "Compared are the 95th percentiles over the training, the spikes that the paper's plots show; medians stand beside them. "
                + "They say less: while a net without norms sits on its first plateau its gradient is near 0, and nothing varies.",
        };
        report.Setting("VGG", $"{settings.Net}; {settings}, rate {VggRate}; "
            + $"measured every {(every == 1 ? "step" : Counted.Of(every, "step"))} at η = {VggRate} · ({string.Join(", ", VggLengths)})");
        report.Setting("deep linear net", $"{DeepLinearProblem.Describe(linearSteps)}, rate {LinearRate}; "
            + $"measured every {(linearEvery == 1 ? "step" : Counted.Of(linearEvery, "step"))} at η = {LinearRate} · ({string.Join(", ", LinearLengths)})");
        report.Setting("noise", $"a run is taken to deviate by {Deviation:P0} in a percentile");
        Measured[] vgg = [.. runs.Where(run => run.Net == Vgg)], linear = [.. runs.Where(run => run.Net == Linear)];
        AddFindings(report, Vgg, vgg);
        AddFindings(report, Linear, linear);
        report.AddPanels("landscape", Panels("landscape_vgg", "VGG", vgg));
        report.AddPanels("landscape_linear", Panels("landscape_linear", "Deep linear net", linear));
        report.AddPanels("landscape_smoothness",
        [
            Smoothness("landscape_vgg_smoothness", "VGG", vgg), Smoothness("landscape_linear_smoothness", "Deep linear net", linear),
        ]);
        report.Add(Summary(runs));
        report.Add(new DataTable("landscape",
            ["net", "norm", "step", "loss_min", "loss_max", "change_min", "change_max", "gradient_norm", "smoothness"],
            [
                .. runs.SelectMany(run => run.Points.Select(p => (IReadOnlyList<object>)
                    [run.Net, run.Norm, p.Step, p.LossMin, p.LossMax, p.ChangeMin, p.ChangeMax, p.GradientNorm, p.Smoothness])),
            ])
        { Hidden = true });
        return report;
    }

    private const string Vgg = "VGG", Linear = "deep linear net";

    private static IEnumerable<Measured> OnVgg(StudyContext context, VggSettings settings, int every)
    {
        var data = context.Load("cifar10", settings.TrainImages, settings.TestImages);
        double[] lengths = [.. VggLengths.Select(length => length * VggRate)];
        foreach (string norm in new[] { "bn", "none" })
        {
            var run = new Measured(Vgg, norm, []);
            var setup = new VggSetup(norm, norm, VggRate);
            var training = new VggTraining(settings with { Evaluations = 1 }, setup, data, context);
            training.Look = (step, loss) =>
            {
                if (step % every == 0) run.Points.Add(LossLandscape.Measure(training.Net, step, loss, lengths));
            };
            var record = training.Run(step =>
                context.Progress((norm == "bn" ? 0 : 0.4) + 0.4 * step / settings.Steps, $"{Vgg}, {norm}"));
            yield return run with { LastLoss = VggCharts.AtTheEnd(record) };
        }
    }

    private static IEnumerable<Measured> OnLinearNet(StudyContext context, int steps, int every)
    {
        var problem = new DeepLinearProblem(context.Random.Fork("deep linear"), context.Device);
        double[] lengths = [.. LinearLengths.Select(length => length * LinearRate)];
        foreach (string norm in new[] { "bn", "none" })
        {
            var run = new Measured(Linear, norm, []);
            var training = new DeepLinearTraining(problem, norm, LinearRate);
            training.Look = (step, loss) =>
            {
                if (step % every == 0) run.Points.Add(LossLandscape.Measure(training.Net, step, loss, lengths));
            };
            training.Run(steps, step => context.Progress((norm == "bn" ? 0.8 : 0.9) + 0.1 * step / steps, $"{Linear}, {norm}"));
            yield return run;
        }
    }

    private static void AddFindings(Report report, string net, Measured[] runs)
    {
        var (bn, none) = (runs[0], runs[1]);
        string on = net == Vgg ? "VGG" : "the deep linear net";
        var basis = net == Vgg ? Basis.Images : Basis.Training;
        Clause[] learns = bn.LastLoss is { } loss ? [Clause.Learns(loss)] : [];
        Add("the loss varies less along the gradient", net == Vgg ? "without BN from 1 to 10 in a step, with it hardly" : "the same",
            "range of the loss", p => p.LossMax - p.LossMin);
        Add("the gradient stays nearer to itself", net == Vgg ? "without BN it changes by up to about 250" : "the same",
            "largest ‖∇f(x) − ∇f(x − η∇f)‖", p => p.ChangeMax);
        Add("the smoothness β has lower peaks", net == Vgg ? "about 20 with BN, 5 to 45 without" : "the same", "β", p => p.Smoothness);

        void Add(string claim, string paper, string what, Func<LandscapePoint, double> value) =>
            report.Add(new Finding($"In {on} with BN {claim}", paper,
                $"{what}, 95th percentile: {bn.At(Peak, value):G3} with BN, {none.At(Peak, value):G3} without; "
                    + $"median: {bn.At(0.5, value):G3} and {none.At(0.5, value):G3}",
                [.. learns, Lower(Peak, value)])
            { Basis = basis });
        Func<LandscapePoint, double>[] values = [p => p.LossMax - p.LossMin, p => p.ChangeMax, p => p.Smoothness];
        report.Add(new Finding($"In {on} all three hold for the median step too", "the plots show it throughout",
            $"of the three medians above {values.Count(value => Lower(0.5, value).Verdict == Verdict.Agrees)} are lower with BN, "
                + $"{values.Count(value => Lower(0.5, value).Verdict == Verdict.Contradicts)} higher",
            [.. learns, .. values.Select(value => Lower(0.5, value))])
        { Basis = basis });

        Clause Lower(double quantile, Func<LandscapePoint, double> value) => Clause.Below(
            Estimate.Relative(bn.At(quantile, value), Deviation), Estimate.Relative(none.At(quantile, value), Deviation));
    }

    private static Chart[] Panels(string name, string net, Measured[] runs) =>
    [
        new Chart($"{name}_loss", $"{net}: loss along the gradient", new Axis("step"), new Axis("loss, smallest to largest") { Log = true },
            Bands(runs, p => p.LossMin, p => p.LossMax))
        {
            Caption = "From the smallest to the largest loss (line) among the step lengths: where the band is wide, the gradient promises "
                + "what the loss does not keep.",
        },
        new Chart($"{name}_gradient", $"{net}: change of the gradient", new Axis("step"),
            new Axis("distance, smallest to largest") { Log = true }, Bands(runs, p => p.ChangeMin, p => p.ChangeMax))
        {
            Caption = "‖∇f(x) − ∇f(x − η∇f)‖: how far the gradient at the end of a step is from that at its start, from the smallest to "
                + "the largest (line).",
        },
    ];

    private static Chart Smoothness(string name, string net, Measured[] runs) => new(name, $"{net}: effective smoothness",
        new Axis("step"), new Axis("β") { Log = true }, [.. runs.Select(run => Line(run, p => p.Smoothness))])
    {
        Caption = "The largest change of the gradient over the distance; lower is smoother.",
    };

    private static Series Line(Measured run, Func<LandscapePoint, double> value) =>
        new(run.Label, [.. run.Points.Select(p => (double)p.Step)], [.. run.Points.Select(value)]) { Color = run.Color };

    private static Series[] Bands(Measured[] runs, Func<LandscapePoint, double> low, Func<LandscapePoint, double> high) =>
        [.. runs.Select(run => Line(run, high) with { Low = [.. run.Points.Select(low)], High = [.. run.Points.Select(high)] })];

    private static DataTable Summary(Measured[] runs) => new("landscape_summary",
        [
            "net", "norm", "loss_range_median", "loss_range_p95", "gradient_change_median", "gradient_change_p95",
            "smoothness_median", "smoothness_p95",
        ],
        [
            .. runs.Select(run => (IReadOnlyList<object>)
            [
                run.Net, run.Norm, run.At(0.5, p => p.LossMax - p.LossMin), run.At(Peak, p => p.LossMax - p.LossMin),
                run.At(0.5, p => p.ChangeMax), run.At(Peak, p => p.ChangeMax), run.At(0.5, p => p.Smoothness), run.At(Peak, p => p.Smoothness),
            ]),
        ])
    { Caption = "Medians and 95th percentiles over the training." };

    private sealed record Measured(string Net, string Norm, List<LandscapePoint> Points)
    {
        /// <summary>Of VGG: whether it learned anything.</summary>
        public Estimate? LastLoss { get; init; }

        public string Label => Norm == "bn" ? "BN" : "no norm";

        public int Color => Norm == "bn" ? 0 : 1;

        /// <summary>Where the loss overflowed there is nothing to compare: those steps are left out.</summary>
        public double At(double quantile, Func<LandscapePoint, double> value) =>
            Quantile.Of(Points.Select(value).Where(double.IsFinite), quantile);
    }
}
