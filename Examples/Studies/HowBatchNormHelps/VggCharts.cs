using MiniDL.Examples.Reports;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>What the reports on VGG have in common.</summary>
internal static class VggCharts
{
    public const string Paper = "Santurkar, Tsipras, Ilyas and Madry 2018, How Does Batch Normalization Help Optimization? "
        + "(arXiv:1805.11604)";

    public const string Data = "CIFAR-10, else synthetic images; the preset takes 10,000 of them";

    /// <summary>What another seed is taken to change, since each net is trained once.</summary>
    private const double MeanLossDeviation = 0.02, FinalLossDeviation = 0.05;

    /// <summary>Trains one setup after the other.</summary>
    /// <param name="share">The share of the study that this is.</param>
    public static VggRecord[] Train(StudyContext context, VggSettings settings, IReadOnlyList<VggTraining> trainings, double share = 1)
    {
        var records = new VggRecord[trainings.Count];
        for (int i = 0; i < records.Length; i++)
            records[i] = trainings[i].Run(step =>
                context.Progress(share * (i + (double)step / settings.Steps) / records.Length, trainings[i].Setup.Name));
        return records;
    }

    /// <summary>Accuracy while training (lines) and on the test images (dashed).</summary>
    public static Chart Accuracy(string name, string title, IEnumerable<VggRecord> records) => new(name, title,
        new Axis("step"), new Axis("accuracy (%)") { Min = 0, Max = 100 },
        [
            .. records.SelectMany(record => new[]
            {
                Curve(record, record.Setup.Legend, record.Training.Select(t => (t.Step, t.Accuracy))),
                Curve(record, $"{record.Setup.Legend}, test", record.Test) with { Dashed = true },
            }),
        ]);

    /// <summary>Training loss.</summary>
    public static Chart Loss(string name, string title, IEnumerable<VggRecord> records) => new(name, title,
        new Axis("step"), new Axis("training loss") { Min = 0 },
        [.. records.Select(record => Curve(record, record.Setup.Legend, record.Training.Select(t => (t.Step, t.Loss))))]);

    private static Series Curve(VggRecord record, string legend, IEnumerable<(double X, double Y)> points) =>
        new(legend, [.. points.Select(p => p.X)], [.. points.Select(p => p.Y)]) { Color = record.Setup.Color };

    public static DataTable Curves(string name, IEnumerable<VggRecord> records) => new(name,
        ["net", "step", "train_loss", "train_accuracy"],
        [.. records.SelectMany(r => r.Training.Select(t => (IReadOnlyList<object>)[r.Setup.Name, t.Step, t.Loss, t.Accuracy]))])
    { Hidden = true };

    public static DataTable Tests(string name, IEnumerable<VggRecord> records) => new(name, ["net", "step", "test_accuracy"],
        [.. records.SelectMany(r => r.Test.Select(t => (IReadOnlyList<object>)[r.Setup.Name, t.Step, t.Accuracy]))])
    { Hidden = true };

    public static DataTable Summary(string name, IEnumerable<VggRecord> records) => new(name,
        ["net", "train_loss", "train_accuracy", "test_accuracy", "mean_train_loss"],
        [
            .. records.Select(r => (IReadOnlyList<object>)
                [r.Setup.Name, r.FinalLoss, r.FinalAccuracy, r.FinalTestAccuracy, r.MeanLoss]),
        ])
    {
        Caption = "Training loss and accuracy are means over the last sixtieth of the steps, but for the last column, a mean over "
            + "all; accuracy in percent, on the test images with running statistics.",
    };

    /// <summary>How a training ended, in words.</summary>
    public static string Ending(VggRecord record) => record.DivergedAt is { } step
        ? $"{record.Setup.Name}: the loss became NaN in step {step}"
        : $"{record.Setup.Name}: training loss {record.FinalLoss:F2}, accuracy {record.FinalAccuracy:F1} %, "
            + $"test {record.FinalTestAccuracy:F1} %";

    /// <summary>The training loss over the last stretch, with what the images of that stretch and another seed may change.</summary>
    public static Estimate AtTheEnd(VggRecord record) => Estimate.Loss(record.FinalLoss, FinalLossDeviation, record.Classes);

    /// <summary>The mean training loss over all steps.</summary>
    public static Estimate Overall(VggRecord record) => Estimate.Loss(record.MeanLoss, MeanLossDeviation, record.Classes);

    /// <summary>The error on the test images.</summary>
    public static Estimate TestError(VggRecord record) =>
        Estimate.Error([100 - record.FinalTestAccuracy], record.TestImages, record.Classes);

    /// <summary>The deviations, for a report.</summary>
    public static readonly string Noise = FormattableString.Invariant($"a run is taken to deviate by {MeanLossDeviation} in its mean loss, by ")
        + FormattableString.Invariant($"{FinalLossDeviation} in its last, in its test error by what counting errors has and 2 % of the error");
}
