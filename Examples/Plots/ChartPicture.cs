using MiniDL.Examples.Reports;
using ScottPlot;
using ScottPlot.Plottables;

namespace MiniDL.Examples.Plots;

/// <summary>Draws charts with ScottPlot, as PNG and SVG.</summary>
internal static class ChartPicture
{
    /// <summary>Writes <c>path.png</c> and <c>path.svg</c>.</summary>
    public static void Save(string path, FigurePart part)
    {
        bool single = part.Panels.Count == 1;
        var figure = new Figure(panelWidth: single ? 840 : 600, height: single ? 500 : 400, columns: part.Columns);
        foreach (var chart in part.Panels) Draw(figure.AddPanel(), chart);
        figure.Save(path);
    }

    private static void Draw(Plot plot, Chart chart)
    {
        var (x, y) = (new AxisScale(chart.X), new AxisScale(chart.Y));
        if (chart.Contour is { } contour) AddContour(plot, contour, x, y);
        foreach (var series in chart.Series) Add(plot, chart, series, x, y);
        plot.Title(chart.Title);
        plot.XLabel(chart.X.Label);
        plot.YLabel(chart.Y.Label);
        LimitAxes(plot, chart, x, y);
        if (chart.Series.Count(series => series.Name.Length > 0) > 1) plot.AddLegend();
    }

    private static void LimitAxes(Plot plot, Chart chart, AxisScale x, AxisScale y)
    {
        plot.Axes.Margins(0.03, 0.06);
        plot.Axes.AutoScale();
        var limits = plot.Axes.GetLimits();
        var (left, right) = x.Limits(limits.Left, limits.Right);
        var (bottom, top) = y.Limits(limits.Bottom, limits.Top);
        if (chart.Contour is { } contour)
        {
            (left, right) = x.Limits(x.Map(contour.X[0]), x.Map(contour.X[^1]));
            (bottom, top) = y.Limits(y.Map(contour.Y[0]), y.Map(contour.Y[^1]));
        }
        plot.Axes.SetLimits(left, right, bottom, top);
        plot.Axes.Bottom.TickGenerator = x.Ticks(left, right);
        plot.Axes.Left.TickGenerator = y.Ticks(bottom, top);
    }

    private static void Add(Plot plot, Chart chart, Series series, AxisScale x, AxisScale y)
    {
        var color = Style.ColorOf(chart, series, dark: false);
        double[] xs = x.Map(series.X), ys = y.Map(series.Y);
        if (series.Style == SeriesStyle.Bars)
        {
            AddBars(plot, xs, ys, y, color).LegendText = series.Name;
            return;
        }
        if (series is { Low: { } low, High: { } high }) AddSpread(plot, series, xs, ys, y.Map(low), y.Map(high), color);
        int marker = chart.Series.TakeWhile(other => other != series).Count(other => !other.Dashed);
        var line = plot.AddSeries(xs, ys, marker, series.Name);
        line.Color = color;
        if (series.Style is SeriesStyle.Line or SeriesStyle.Steps) line.MarkerSize = 0;
        if (series.Style == SeriesStyle.Markers) line.LineWidth = 0;
        if (series.Style == SeriesStyle.Steps) line.ConnectStyle = ConnectStyle.StepHorizontal;
        if (series.Dashed) (line.LinePattern, line.LineWidth) = (LinePattern.Dashed, 1.6f);
    }

    private static BarPlot AddBars(Plot plot, double[] xs, double[] ys, AxisScale y, Color color)
    {
        double width = xs.Length > 1 ? Math.Abs(xs[1] - xs[0]) : 1;
        double floor = double.IsFinite(y.Map(0)) ? y.Map(0) : ys.Where(double.IsFinite).DefaultIfEmpty(0).Min() - 0.5;
        var bars = xs.Zip(ys).Where(p => double.IsFinite(p.First) && double.IsFinite(p.Second)).Select(point => new Bar
        {
            Position = point.First,
            Value = point.Second,
            ValueBase = floor,
            Size = width,
            FillColor = color.WithAlpha(0.55),
            LineWidth = 0,
        });
        return plot.Add.Bars(bars.ToList());
    }

    /// <summary>A band around a line; bars at markers.</summary>
    private static void AddSpread(
        Plot plot, Series series, double[] xs, double[] ys, double[] low, double[] high, Color color)
    {
        if (!series.HasBand)
        {
            var bars = new ErrorBar(xs, ys, null, null, [.. ys.Zip(low, (v, l) => v - l)], [.. ys.Zip(high, (v, h) => h - v)]);
            (bars.Color, bars.LineWidth, bars.CapSize) = (color, 1.6f, 5);
            plot.Add.Plottable(bars);
            return;
        }
        int[] finite = [.. Enumerable.Range(0, xs.Length).Where(i => double.IsFinite(xs[i] + low[i] + high[i]))];
        if (finite.Length < 2) return;
        var outline = finite.Select(i => new Coordinates(xs[i], low[i]))
            .Concat(finite.Reverse().Select(i => new Coordinates(xs[i], high[i])));
        plot.Add.Plottable(new Polygon([.. outline]) { FillColor = color.WithAlpha(0.15), LineWidth = 0, MarkerSize = 0 });
    }

    private static void AddContour(Plot plot, Contour contour, AxisScale x, AxisScale y)
    {
        var grid = new Coordinates3d[contour.Y.Length, contour.X.Length];
        for (int row = 0; row < contour.Y.Length; row++)
            for (int column = 0; column < contour.X.Length; column++)
                grid[row, column] = new Coordinates3d(x.Map(contour.X[column]), y.Map(contour.Y[row]), contour.Z[row][column]);
        var lines = plot.Add.ContourLines(grid);
        lines.ContourLineLevels = contour.Levels;
        (lines.LineColor, lines.LineWidth, lines.LabelStyle.IsVisible) = (Style.ContourLine(dark: false), 1.3f, false);
        // Two kinds of thin lines are one too many.
        plot.Grid.IsVisible = false;
    }
}
