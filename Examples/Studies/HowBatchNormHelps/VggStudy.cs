using MiniDL.Examples.Reports;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>
/// VGG with and without BN at two learning rates, and the distributions of its activations. Santurkar et al. 2018, figure 1.
/// </summary>
/// <remarks>
/// The paper's net is "VGG-like": layers up to the 13th are plotted, so here it is VGG-13 with linear layers of 512 units, BN
/// between every layer but the last and its ReLU. Momentum and weight decay are not mentioned: there are none. The preset has
/// an eighth of the channels, 10,000 training images and batch 64, so that it ends within three minutes; depth, image size and
/// rates are the paper's.
/// </remarks>
internal sealed class VggStudy : Study
{
    private const double Slow = 0.1, Fast = 0.5;
    private const int EarlyLayer = 3, LateLayer = 11;

    public override string Name => "vgg";

    public override string Title => "At which learning rates does VGG train with BN, and at which without?";

    public override string Paper => $"{VggCharts.Paper}, figure 1";

    public override string DataNote => VggCharts.Data;

    public override Report Run(StudyContext context)
    {
        var settings = VggSettings.Of(context);
        var data = context.Load("cifar10", settings.TrainImages, settings.TestImages);
        var histograms = new ActivationHistograms(data.Test, EarlyLayer, LateLayer);
        var trainings = Setups.Select(setup => new VggTraining(settings, setup, data, context)).ToArray();
        foreach (var training in trainings.Where(t => t.Setup.Rate == Slow))
            training.Between = (settings.Steps, step => histograms.Read(training, step));
        var records = VggCharts.Train(context, settings, trainings);

        var report = new Report(Title)
        {
            Introduction = $"{settings.Net} is trained with BN and without any norm, from the same initial values on the same batches, "
                + $"at the learning rates {Slow} and {Fast}. And: how are the inputs of two ReLUs distributed, at the start and at the end?",
        };
        report.Setting("net", $"{settings.Net}, BN between layer and ReLU, Glorot-normal weights");
        report.Setting("training", settings);
        report.Setting("noise", VggCharts.Noise);
        AddFindings(report, records);
        report.AddPanels("vgg", [.. new[] { Slow, Fast }.Select(rate => VggCharts.Accuracy($"vgg_rate_{rate}".Replace('.', '_'),
            $"Learning rate {rate}", records.Where(r => r.Setup.Rate == rate)) with
        {
            Caption = rate == Slow
                ? "Lines: training images, over stretches of the training; dashed: test images. Guessing has 10 %."
                : "The same at five times the rate, at which the paper's net without BN stays at 10 %.",
        })]);
        report.AddPanels("vgg_histograms", [.. histograms.ByLayer("vgg").Select((chart, index) => chart with
        {
            Caption = index == 0
                ? "Dashed: before the first step; solid: after the last. Does training change the distribution?"
                : "The same deep in the net. Whether stability is why BN helps, `noisy-bn` asks.",
        })]);
        report.Add(VggCharts.Summary("vgg", records));
        report.Add(histograms.Table("vgg_activations"));
        report.Add(VggCharts.Curves("vgg_training", records));
        report.Add(VggCharts.Tests("vgg_test", records));
        return report;
    }

    private static void AddFindings(Report report, VggRecord[] records)
    {
        VggRecord Of(string norm, double rate) => records.First(r => r.Setup.Norm == norm && r.Setup.Rate == rate);
        var (bn, none, fastBn, fastNone) = (Of("bn", Slow), Of("none", Slow), Of("bn", Fast), Of("none", Fast));
        report.Add(new Finding($"BN trains at learning rate {Fast}, where the net without it does not",
            "without BN 10 % throughout, that is guessing; with BN it trains",
            $"{VggCharts.Ending(fastBn)}; {VggCharts.Ending(fastNone)}",
            Clause.Learns(VggCharts.AtTheEnd(fastBn)), Clause.DoesNotLearn(VggCharts.AtTheEnd(fastNone))));
        report.Add(new Finding($"At learning rate {Slow} BN trains faster: its loss is lower on average over the steps", "the training accuracy with BN is ahead throughout",
            $"mean training loss over all steps {bn.MeanLoss:F2} with BN, {none.MeanLoss:F2} without",
            Clause.Below(VggCharts.Overall(bn), VggCharts.Overall(none))));
        report.Add(new Finding($"At learning rate {Slow} BN ends with fewer errors on the test images", "83 % with BN, 80 % without, after 15,000 steps",
            $"{VggCharts.Ending(bn)}; {VggCharts.Ending(none)}",
            Clause.Below(VggCharts.TestError(bn), VggCharts.TestError(none))));
    }

    private static readonly VggSetup[] Setups =
    [
        new($"BN at {Slow}", "bn", Slow) { Legend = "BN", Color = 0 },
        new($"no norm at {Slow}", "none", Slow) { Legend = "no norm", Color = 1 },
        new($"BN at {Fast}", "bn", Fast) { Legend = "BN", Color = 0 },
        new($"no norm at {Fast}", "none", Fast) { Legend = "no norm", Color = 1 },
    ];
}
