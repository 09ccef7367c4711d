using MiniDL.Examples.Reports;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>
/// Norms that fix the mean as BN does, but divide by an ℓ1, ℓ2 or ℓ∞ norm, so that distributions are not normalized as BN's
/// are: do they train as well? VGG and the deep linear net. Santurkar et al. 2018, figures 5, 6, 12 and 13.
/// </summary>
/// <remarks>
/// The paper gives no formula; see <see cref="MiniDL.Layers.LpBatchNorm"/> for the reading here: the norm is taken before the
/// mean is subtracted. Running averages of it serve tests.
/// </remarks>
internal sealed class LpNormStudy : Study
{
    private const double VggRate = 0.1, LinearRate = 1e-6;

    /// <summary>The part of the deep linear net's loss by which another seed is taken to change it.</summary>
    private const double LinearDeviation = 0.05;
    private const int HistogramLayer = 11;

    public override string Name => "lp-norm";

    public override string Title => "Is BN's way to normalize special?";

    public override string Paper => $"{VggCharts.Paper}, figures 5, 6, 12 and 13";

    public override string DataNote => $"{VggCharts.Data}; random inputs for the deep linear net";

    public override Report Run(StudyContext context)
    {
        var settings = VggSettings.Of(context);
        settings = settings with { Steps = context.Pick(settings.Steps, 400, settings.Steps) };
        int linearSteps = context.Pick(60, 2000, 10_000);
        var data = context.Load("cifar10", settings.TrainImages, settings.TestImages);
        var histograms = new ActivationHistograms(data.Test, HistogramLayer);
        var trainings = Setups.Select(setup => new VggTraining(settings, setup, data, context)).ToArray();
        foreach (var training in trainings) training.Between = (settings.Steps, step => histograms.Read(training, step));
        var records = VggCharts.Train(context, settings, trainings, share: 0.75);
        var linear = OnLinearNet(context, linearSteps);

        var report = new Report(Title)
        {
            Introduction = "The ℓp norms here subtract the batch's mean as BN does, but divide by (mean |x|ᵖ)^(1/p), or max |x| for ∞, taken "
                + "before the mean is subtracted. What comes out has no fixed variance. If BN helped by the distributions that it makes, "
                + "these norms would be worse.\n\nThe paper gives no formula for them; this is one reading of its words.",
        };
        report.Setting("VGG", $"{settings.Net}; {settings}, rate {VggRate}");
        report.Setting("deep linear net", $"{DeepLinearProblem.Describe(linearSteps)}, rate {LinearRate}");
        report.Setting("noise", $"{VggCharts.Noise}; by {LinearDeviation:P0} in the deep linear net's loss");
        AddFindings(report, records, linear);
        report.AddPanels("lp_norm",
        [
            VggCharts.Loss("lp_norm_vgg", "VGG", records) with { Caption = "The same initial weights and batches for every norm." },
            LinearChart(linear),
        ]);
        report.Section($"What goes into the ReLU of VGG's layer {HistogramLayer}");
        report.AddPanels("lp_norm_histograms", [.. histograms.StartAndEnd("lp_norm").Select((chart, index) => chart with
        {
            Caption = index == 0 ? "Only BN starts with variance 1." : "The same layer after the last step.",
        })]);
        report.Add(VggCharts.Summary("lp_norm", records));
        report.Add(histograms.Table("lp_norm_activations"));
        report.Add(new DataTable("lp_norm_linear", ["net", "step", "loss"],
        [
            .. linear.Zip(Setups).SelectMany(pair => pair.First.Losses.Index().Select(loss =>
                (IReadOnlyList<object>)[pair.Second.Name, loss.Index, loss.Item])),
        ])
        { Hidden = true });
        report.Add(VggCharts.Curves("lp_norm_training", records));
        report.Add(VggCharts.Tests("lp_norm_test", records));
        return report;
    }

    private static DeepLinearTraining[] OnLinearNet(StudyContext context, int steps)
    {
        var problem = new DeepLinearProblem(context.Random.Fork("deep linear"), context.Device);
        var trainings = Setups.Select(setup => new DeepLinearTraining(problem, setup.Norm, LinearRate)).ToArray();
        foreach (var (index, training) in trainings.Index())
            training.Run(steps, step => context.Progress(0.75 + 0.25 * (index + (double)step / steps) / trainings.Length,
                $"deep linear net, {training.Norm}"));
        return trainings;
    }

    private static void AddFindings(Report report, VggRecord[] records, DeepLinearTraining[] linear)
    {
        var (bn, none, lp) = (records[0], records[^1], records[1..^1]);
        report.Add(new Finding("Every ℓp norm trains VGG faster than no norm", "all are comparable to BN",
            "mean training loss over all steps: "
                + string.Join(", ", records.Select(r => $"{r.Setup.Name} {r.MeanLoss:F2}")),
            [.. lp.Select(r => Clause.Below(VggCharts.Overall(r), VggCharts.Overall(none)))]));
        double bound = bn.MeanLoss + 0.25 * (none.MeanLoss - bn.MeanLoss);
        report.Add(new Finding("Every ℓp norm trains VGG about as fast as BN: it keeps three quarters of BN's lead over no norm",
            "all match or beat BN", "mean training loss over all steps, to be below "
                + FormattableString.Invariant($"{bound:F2}: ")
                + string.Join(", ", records[..^1].Select(r => $"{r.Setup.Name} {r.MeanLoss:F2}")),
            [Clause.Below(VggCharts.Overall(bn), VggCharts.Overall(none)),
                .. lp.Select(r => Clause.Below(VggCharts.Overall(r), Estimate.Exact(bound)))]));
        report.Add(new Finding("On the deep linear net ℓ1 ends at a lower loss than BN", "ℓ1 beats BN; all norms beat none",
            "loss at the end: " + string.Join(", ", linear.Zip(Setups).Select(pair =>
                $"{pair.Second.Name} {pair.First.FinalLoss:N0}")),
            Clause.Below(LinearLoss(linear[1]), LinearLoss(linear[0])))
        { Basis = Basis.Training });

        static Estimate LinearLoss(DeepLinearTraining training) => Estimate.Relative(training.FinalLoss, LinearDeviation);
    }

    private static Chart LinearChart(DeepLinearTraining[] linear) => new("lp_norm_deep_linear", "Deep linear net",
        new Axis("step"), new Axis("loss, summed over 1,000 inputs") { Log = true },
        [
            .. linear.Zip(Setups).Select(pair =>
            {
                var losses = pair.First.Losses;
                int stride = Math.Max(1, losses.Count / 200);
                int[] steps = [.. Enumerable.Range(0, losses.Count).Where(step => step % stride == 0)];
                return new Series(pair.Second.Name, [.. steps.Select(s => (double)s)], [.. steps.Select(s => losses[s])])
                    { Color = pair.Second.Color };
            }),
        ])
    { Caption = "25 linear layers in a row, the same initial values for every norm." };

    private static readonly VggSetup[] Setups =
    [
        new("BN", "bn", VggRate) { Color = 0 },
        new("ℓ1", "lp1", VggRate) { Color = 2 },
        new("ℓ2", "lp2", VggRate) { Color = 3 },
        new("ℓ∞", "lpinf", VggRate) { Color = 4 },
        new("no norm", "none", VggRate) { Color = 1 },
    ];
}
