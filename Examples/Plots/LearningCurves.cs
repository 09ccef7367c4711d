using MiniDL.Examples.Training;

namespace MiniDL.Examples.Plots;

/// <summary>Loss and error of one run over its epochs, on the training, the test and, where there are any, the validation images.</summary>
internal static class LearningCurves
{
    public static void Save(string path, string title, IReadOnlyList<EpochRecord> records)
    {
        var figure = new Figure(panelWidth: 600, height: 400);
        AddPanel(figure, records, "cross-entropy", r => r.TrainLoss, r => r.TestLoss, r => r.ValidationLoss).Title($"{title}: loss");
        AddPanel(figure, records, "error (%)", r => r.TrainError, r => r.TestError, r => r.ValidationError).Title($"{title}: error");
        figure.Save(path);
    }

    private static ScottPlot.Plot AddPanel(Figure figure, IReadOnlyList<EpochRecord> records, string label,
        Func<EpochRecord, double> onTraining, Func<EpochRecord, double> onTest, Func<EpochRecord, double?> onValidation)
    {
        var plot = figure.AddPanel();
        double[] epochs = [.. records.Select(r => (double)r.Epoch)];
        double[] training = [.. records.Select(onTraining)], test = [.. records.Select(onTest)];
        plot.AddCurve(epochs, training, 0, "training");
        plot.AddCurve(epochs, test, 1, "test");
        double[] validation = [.. records.Select(onValidation).OfType<double>()];
        if (validation.Length == epochs.Length) plot.AddCurve(epochs, validation, 2, "validation");
        plot.XLabel("epoch");
        plot.YLabel(label);
        plot.EpochAxis(records.Count);
        plot.StartAtZero([.. training, .. test, .. validation]);
        plot.AddLegend();
        return plot;
    }
}
