using MiniDL.Examples.Reports;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>
/// BN with noise after it that shifts and scales every unit anew in every step, so that no layer ever sees a stable
/// distribution, against BN and no norm. Santurkar et al. 2018, figures 2 and 8.
/// </summary>
/// <remarks>
/// The noise is that of the paper's algorithm 1, see <see cref="CovariateShiftNoise"/>, after every norm and in training
/// alone; tests run without it. The paper shows layers 2, 9 and 13; the 13th of VGG-13 is the last, which has no norm, so here
/// it is 12. Drift is measured on the training batches as they come: |Δ mean| and |Δ variance| of each unit from one step to
/// the next, averaged.
/// </remarks>
internal sealed class NoisyBatchNormStudy : Study
{
    private const double Rate = 0.1;

    /// <summary>The part of a drift by which another seed is taken to change it.</summary>
    private const double DriftDeviation = 0.1;
    private static readonly int[] Layers = [2, 9, 12];

    public override string Name => "noisy-bn";

    public override string Title => "Does BN help because it keeps the distributions of activations stable?";

    public override string Paper => $"{VggCharts.Paper}, figures 2 and 8";

    public override string DataNote => VggCharts.Data;

    public override Report Run(StudyContext context)
    {
        var settings = VggSettings.Of(context);
        settings = settings with { Steps = context.Pick(settings.Steps, 700, settings.Steps) };
        var data = context.Load("cifar10", settings.TrainImages, settings.TestImages);
        var trainings = Setups.Select(setup => new VggTraining(settings, setup, data, context)).ToArray();
        var drifts = trainings.Select(training => new MomentDrift(training.Net, Layers)).ToArray();
        var records = VggCharts.Train(context, settings, trainings);

        var report = new Report(Title)
        {
            Introduction = $"{settings.Net} is trained with BN, with BN whose outputs are disturbed, and without any norm, at learning "
                + $"rate {Rate}. The disturbance changes in every step: each unit is shifted by up to ±0.5 and scaled by 1 to 1.25, each of "
                + "its values a little more or less. If BN helped because it keeps distributions stable, this would undo it.\n\n"
                + "The paper does not say whether its noise's r_σ = 0.1 is a deviation or a variance: here it is the deviation.",
        };
        report.Setting("net", $"{settings.Net}, norm between layer and ReLU, Glorot-normal weights");
        report.Setting("training", settings);
        report.Setting("noise after BN", "μ ~ U(±0.5), σ ~ U(1, 1.25) by unit; m ~ U(μ ± 0.1), s ~ N(σ, 0.1) by value; y = s · x + m");
        report.Setting("noise of the results", $"{VggCharts.Noise}; by {DriftDeviation:P0} in its drift");
        AddFindings(report, records, drifts);
        report.AddPanels("noisy_bn",
        [
            VggCharts.Loss("noisy_bn_loss", "Training loss", records) with
            {
                Caption = "The noise is drawn anew in every step; evaluation is without it.",
            },
            Drift("noisy_bn_mean", Layers[1], $"Drift of the means, layer {Layers[1]}", "|Δ mean| in a step", p => p.MeanChange) with
            {
                Caption = "How much the means of the ReLU's inputs change from one step to the next. Is the stable net the one that trains "
                    + "fast?",
            },
        ]);
        report.AddPanels("noisy_bn_drift",
        [
            .. Layers.Select(layer => Drift($"noisy_bn_variance_{layer}", layer, $"Drift of the variances, layer {layer}",
                "|Δ variance| in a step", p => p.VarianceChange)),
        ], columns: 3);
        report.Add(VggCharts.Summary("noisy_bn", records));
        report.Add(DriftSummary(records, drifts));
        report.Add(new DataTable("noisy_bn_drift", ["net", "layer", "step", "mean_change", "variance_change"],
        [
            .. records.Zip(drifts).SelectMany(pair => pair.Second.Points.Select(p =>
                (IReadOnlyList<object>)[pair.First.Setup.Name, p.Layer, p.Step, p.MeanChange, p.VarianceChange])),
        ])
        { Hidden = true });
        report.Add(VggCharts.Curves("noisy_bn_training", records));
        report.Add(VggCharts.Tests("noisy_bn_test", records));
        return report;

        Chart Drift(string name, int layer, string title, string label, Func<DriftPoint, double> value) => new(name, title,
            new Axis("step"), new Axis(label) { Log = true }, [.. records.Zip(drifts, (r, drift) => Line(r.Setup, drift, layer, value))]);
    }

    private static void AddFindings(Report report, VggRecord[] records, MomentDrift[] drifts)
    {
        var (bn, noisy, none, noisyNone) = (records[0], records[1], records[2], records[3]);
        var learns = Clause.Learns(VggCharts.AtTheEnd(noisy));
        report.Add(new Finding("BN disturbed in every step still trains faster than no norm, and ends at a lower training loss",
            "nearly as fast as BN, and far ahead of the net without",
            $"mean training loss over all steps: BN {bn.MeanLoss:F2}, disturbed {noisy.MeanLoss:F2}, "
                + $"no norm {none.MeanLoss:F2}; at the end {bn.FinalLoss:F2}, {noisy.FinalLoss:F2}, {none.FinalLoss:F2}",
            Clause.Below(VggCharts.Overall(noisy), VggCharts.Overall(none)),
            Clause.Below(VggCharts.AtTheEnd(noisy), VggCharts.AtTheEnd(none))));
        double[] Means(int net) => [.. Layers.Select(layer => Mean(drifts[net], layer, p => p.MeanChange))];
        double[] ofNoisy = Means(1), ofNone = Means(2);
        report.Add(new Finding("It does so although the means of its activations are less stable than those of the net without norms",
            "complete distributional instability: larger changes than without BN in every layer shown",
            $"|Δ mean| of a unit in a step, layers {string.Join(", ", Layers)}: "
                + $"disturbed {Numbers(ofNoisy)}, no norm {Numbers(ofNone)}",
            [learns, .. ofNoisy.Zip(ofNone, (withNoise, without) => Clause.Below(Drift(without), Drift(withNoise)))]));
        report.Add(new Finding("The same noise keeps a net without BN, which trains without the noise, at chance",
            "the net without norms does not train with the noise", $"{VggCharts.Ending(none)}; {VggCharts.Ending(noisyNone)}",
            Clause.Learns(VggCharts.AtTheEnd(none)), Clause.DoesNotLearn(VggCharts.AtTheEnd(noisyNone))));

        static Estimate Drift(double change) => Estimate.Relative(change, DriftDeviation);
    }

    private static string Numbers(double[] values) => string.Join(", ", values.Select(v => $"{v:G2}"));

    private static double Mean(MomentDrift drift, int layer, Func<DriftPoint, double> value) =>
        drift.Points.Where(p => p.Layer == layer).Average(value);

    private static DataTable DriftSummary(VggRecord[] records, MomentDrift[] drifts) => new("noisy_bn_drift_means",
        ["net", "layer", "mean_change", "variance_change"],
        [
            .. records.Zip(drifts).SelectMany(net => Layers.Select(layer => (IReadOnlyList<object>)[net.First.Setup.Name, layer,
                Mean(net.Second, layer, p => p.MeanChange), Mean(net.Second, layer, p => p.VarianceChange)])),
        ])
    {
        Caption = "Change of a unit's mean and variance from one step to the next, before the activation, averaged over units and steps.",
    };

    /// <summary>A layer's drift, each point a mean over a fiftieth of the steps.</summary>
    private static Series Line(VggSetup setup, MomentDrift drift, int layer, Func<DriftPoint, double> value)
    {
        DriftPoint[] points = [.. drift.Points.Where(p => p.Layer == layer)];
        DriftPoint[][] parts = [.. points.Chunk(Math.Max(1, points.Length / 50))];
        return new Series(setup.Name, [.. parts.Select(part => part.Average(p => (double)p.Step))], [.. parts.Select(part => part.Average(value))])
        {
            Color = setup.Color,
        };
    }

    private static readonly VggSetup[] Setups =
    [
        new("BN", "bn", Rate) { Color = 0 },
        new("BN with noise", "bn", Rate) { Color = 2, Noise = true },
        new("no norm", "none", Rate) { Color = 1 },
        new("no norm with noise", "none", Rate) { Color = 3, Noise = true },
    ];
}
