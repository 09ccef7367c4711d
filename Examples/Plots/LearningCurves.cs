using MiniDL.Examples.Training;

namespace MiniDL.Examples.Plots;

/// <summary>Loss and error of one run over its epochs, on the training and on the test images.</summary>
internal static class LearningCurves
{
    public static void Save(string path, string title, IReadOnlyList<EpochRecord> records)
    {
        var figure = new Figure(panelWidth: 600, height: 400);
        AddPanel(figure, records, "cross-entropy", r => r.TrainLoss, r => r.TestLoss).Title($"{title}: loss");
        AddPanel(figure, records, "error (%)", r => r.TrainError, r => r.TestError).Title($"{title}: error");
        figure.Save(path);
    }

    private static ScottPlot.Plot AddPanel(Figure figure, IReadOnlyList<EpochRecord> records, string label,
        Func<EpochRecord, double> onTraining, Func<EpochRecord, double> onTest)
    {
        var plot = figure.AddPanel();
        double[] epochs = [.. records.Select(r => (double)r.Epoch)];
        double[] training = [.. records.Select(onTraining)], test = [.. records.Select(onTest)];
        plot.AddCurve(epochs, training, 0, "training");
        plot.AddCurve(epochs, test, 1, "test");
        plot.XLabel("epoch");
        plot.YLabel(label);
        plot.EpochAxis(records.Count);
        plot.StartAtZero([.. training, .. test]);
        plot.AddLegend();
        return plot;
    }
}
