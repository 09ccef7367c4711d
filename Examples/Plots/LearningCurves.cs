using MiniDL.Examples.Comparisons;
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

/// <summary>Test error over the epochs: a panel a norm, a line a batch size (figure 5 of Wu and He 2018).</summary>
internal static class ComparedCurves
{
    public static void Save(string path, IReadOnlyList<ComparedEpoch> epochs)
    {
        var figure = new Figure(panelWidth: 560, height: 400, columns: 3);
        int[] batchSizes = [.. epochs.Select(e => e.Run.BatchSize).Distinct().OrderDescending()];
        foreach (var norm in epochs.GroupBy(e => e.Run.Norm))
        {
            var plot = figure.AddPanel();
            plot.Title(norm.Key.ToUpperInvariant());
            foreach (var (index, size) in batchSizes.Index())
            {
                // Several seeds are averaged; a diverged one ends the line.
                var means = norm.Where(e => e.Run.BatchSize == size).GroupBy(e => e.Epoch)
                    .Select(g => (Epoch: (double)g.Key, Error: g.Average(e => e.TestError)))
                    .Where(mean => double.IsFinite(mean.Error)).ToArray();
                if (means.Length == 0) continue;
                var line = plot.AddCurve([.. means.Select(p => p.Epoch)], [.. means.Select(p => p.Error)], 0, $"batch {size}");
                line.Color = Style.Gradient(index, batchSizes.Length);
            }
            plot.XLabel("epoch");
            plot.YLabel("test error (%)");
            plot.EpochAxis(epochs.Max(e => e.Epoch));
            plot.StartAtZero(epochs.Select(e => e.TestError));
            plot.AddLegend();
        }
        figure.Save(path);
    }
}
