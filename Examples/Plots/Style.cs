using MiniDL.Examples.Reports;
using ScottPlot;

namespace MiniDL.Examples.Plots;

/// <summary>How figures look: one typeface, few lines, colours that the colour-blind can tell apart.</summary>
internal static class Style
{
    private static readonly Color Ink = Color.FromHex("#222222");
    private static readonly Color AxisLine = Color.FromHex("#8A8A8A");
    private static readonly Color GridLine = Color.FromHex("#E6E6E6");

    /// <summary>Okabe and Ito's colours without yellow, in an order in which neighbours also differ in grey.</summary>
    private static readonly Color[] Colors =
        [.. new[] { "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000" }.Select(Color.FromHex)];

    /// <summary>The same hues, light enough for a dark page.</summary>
    private static readonly Color[] ColorsOnDark =
        [.. new[] { "#4C9FE6", "#F28B4B", "#2FBF95", "#E29CC6", "#F3BC45", "#A4DBFA", "#ECECEC" }.Select(Color.FromHex)];

    private static readonly MarkerShape[] Markers =
    [
        MarkerShape.FilledCircle, MarkerShape.FilledSquare, MarkerShape.FilledTriangleUp, MarkerShape.FilledDiamond,
        MarkerShape.OpenCircle, MarkerShape.OpenSquare, MarkerShape.FilledTriangleDown,
    ];

    static Style()
    {
        Fonts.FontResolvers.Insert(0, new EmbeddedFont());
        Fonts.Default = Fonts.Sans = Fonts.Serif = Fonts.Monospace = EmbeddedFont.Name;
    }

    public static Color ColorOf(int series) => Colors[series % Colors.Length];

    /// <summary>For lines of equal value: behind the series, but to be seen.</summary>
    public static Color ContourLine(bool dark) => Color.FromHex(dark ? "#8E9BAB" : "#7F8A97");

    /// <summary>For theory and reference lines.</summary>
    public static Color Neutral(bool dark) => Color.FromHex(dark ? "#B4B4B4" : "#5A5A5A");

    /// <summary>The colour of a chart's series on a light or a dark page.</summary>
    public static Color ColorOf(Chart chart, Series series, bool dark)
    {
        if (series is { Dashed: true, Color: null }) return Neutral(dark);
        var coloured = chart.Series.Where(other => !other.Dashed).ToList();
        int number = series.Color ?? coloured.IndexOf(series);
        if (!chart.Ordered) return (dark ? ColorsOnDark : Colors)[number % Colors.Length];
        double along = coloured.Count < 2 ? 0.3 : 0.88 * number / (coloured.Count - 1);
        return new ScottPlot.Colormaps.Viridis().GetColor(dark ? 1 - along * 0.8 : along);
    }

    /// <summary>A colour on the way from the first of an ordered series to its last.</summary>
    public static Color Gradient(int index, int count) =>
        new ScottPlot.Colormaps.Viridis().GetColor(count == 1 ? 0.3 : 0.88 * index / (count - 1));

    public static Plot NewPlot()
    {
        var plot = new Plot();
        plot.RenderManager.ClearCanvasBeforeEachRender = false;
        plot.Axes.Color(Ink);
        plot.Axes.FrameColor(AxisLine);
        plot.Axes.Right.FrameLineStyle.Width = plot.Axes.Top.FrameLineStyle.Width = 0;
        plot.Grid.MajorLineColor = GridLine;
        plot.Grid.XAxisStyle.IsVisible = false;
        foreach (var axis in plot.Axes.GetAxes())
        {
            axis.TickLabelStyle.FontSize = 13;
            (axis.MajorTickStyle.Length, axis.MajorTickStyle.Color, axis.MinorTickStyle.Length) = (4, AxisLine, 0);
            if (axis is ScottPlot.AxisPanels.AxisBase panel) (panel.LabelFontSize, panel.LabelBold) = (14, false);
        }
        plot.Axes.Title.Label.FontSize = 16;
        plot.Axes.Title.Label.Bold = true;
        plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { TickDensity = 0.6 };
        plot.Legend.FontSize = 13;
        plot.Legend.FontColor = Ink;
        plot.Legend.OutlineWidth = 0;
        plot.Legend.ShadowOffset = new PixelOffset(0, 0);
        plot.Legend.ShadowColor = ScottPlot.Colors.Transparent;
        return plot;
    }

    /// <summary>Adds a line with markers; colour and marker follow from its number.</summary>
    public static ScottPlot.Plottables.Scatter AddSeries(this Plot plot, double[] xs, double[] ys, int series, string legend)
    {
        var line = plot.Add.Scatter(xs, ys, ColorOf(series));
        line.LegendText = legend;
        line.LineWidth = 2.2f;
        line.MarkerShape = Markers[series % Markers.Length];
        line.MarkerSize = 9;
        line.MarkerLineWidth = 2;
        return line;
    }
    /// <summary>Adds a line over epochs, with markers as long as there is room for them.</summary>
    public static ScottPlot.Plottables.Scatter AddCurve(this Plot plot, double[] epochs, double[] ys, int series, string legend)
    {
        var line = plot.AddSeries(epochs, ys, series, legend);
        line.MarkerSize = epochs.Length > 40 ? 0 : 6;
        return line;
    }

    /// <summary>Puts the legend to the right of the plot, where it covers nothing.</summary>
    public static void AddLegend(this Plot plot) => plot.ShowLegend(Edge.Right).Alignment = Alignment.UpperCenter;

    /// <summary>Ticks at whole epochs from the first to the last.</summary>
    public static void EpochAxis(this Plot plot, int epochs)
    {
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { IntegerTicksOnly = true };
        plot.Axes.SetLimitsX(1 - 0.03 * epochs, epochs * 1.03);
    }

    /// <summary>Lets the vertical axis start at zero and end above the highest value.</summary>
    public static void StartAtZero(this Plot plot, IEnumerable<double> values) =>
        plot.Axes.SetLimitsY(0, 1.08 * values.Where(value => double.IsFinite(value) && value > 0).DefaultIfEmpty(1).Max());
}
