using MiniDL.Examples.Comparisons;
using ScottPlot;

namespace MiniDL.Examples.Plots;

/// <summary>
/// Test error against batch size, a line a norm, the largest batch on the left: figure 1 of Wu and He 2018, "Group Normalization".
/// With several seeds the bars are one standard deviation.
/// </summary>
internal static class ErrorVsBatchSize
{
    private const double LeastRange = 8;

    public static void Save(string path, string title, IReadOnlyList<SummaryRow> summary)
    {
        var figure = new Figure(panelWidth: 800, height: 500);
        var plot = figure.AddPanel();
        foreach (var (series, norm) in summary.GroupBy(row => row.Norm).Index())
        {
            var rows = norm.Where(row => double.IsFinite(row.TestErrorMean)).OrderBy(row => row.BatchSize).ToArray();
            if (rows.Length == 0) continue;
            double[] x = [.. rows.Select(row => Position(row.BatchSize))], y = [.. rows.Select(row => row.TestErrorMean)];
            plot.AddSeries(x, y, series, norm.Key.ToUpperInvariant());
            double[] deviation = [.. rows.Select(row => row.TestErrorStd)];
            if (deviation.Max() > 0) AddErrorBars(plot, x, y, deviation, Style.ColorOf(series));
        }
        LabelAxes(plot, [.. summary.Select(row => row.BatchSize).Distinct().Order()]);
        LimitErrors(plot, summary);
        plot.Title(title);
        figure.Save(path);
    }

    private static double Position(int batchSize) => -Math.Log2(batchSize);

    private static void AddErrorBars(Plot plot, double[] x, double[] y, double[] deviation, Color color)
    {
        var bars = plot.Add.ErrorBar(x, y, deviation);
        (bars.Color, bars.LineWidth, bars.CapSize) = (color, 1.6f, 5);
    }

    private static void LabelAxes(Plot plot, int[] sizes)
    {
        plot.XLabel("batch size (images a step)");
        plot.YLabel("test error (%)");
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(
            [.. sizes.Select(Position)], [.. sizes.Select(size => size.ToString())]);
        plot.Axes.SetLimitsX(Position(sizes[^1]) - 0.3, Position(sizes[0]) + 0.3);
        plot.AddLegend();
    }

    /// <summary>Shows all errors with their bars, and at least some points, so that noise does not look like a result.</summary>
    private static void LimitErrors(Plot plot, IReadOnlyList<SummaryRow> summary)
    {
        var rows = summary.Where(row => double.IsFinite(row.TestErrorMean)).ToArray();
        if (rows.Length == 0) return;
        double low = rows.Min(row => row.TestErrorMean - row.TestErrorStd);
        double high = rows.Max(row => row.TestErrorMean + row.TestErrorStd);
        double margin = Math.Max(0.12 * (high - low), (LeastRange - (high - low)) / 2);
        plot.Axes.SetLimitsY(Math.Max(0, low - margin), high + margin);
    }
}
