using System.Text.Json.Nodes;
using MiniDL.Examples.Plots;

namespace MiniDL.Examples.Reports;

/// <summary>
/// A chart as Plotly's <c>data</c> and <c>layout</c>. Colours and fonts are left to page.js, which knows the page's theme: a
/// trace's <c>meta</c> holds its colour on a light and on a dark page.
/// </summary>
internal static class PlotlyFigure
{
    /// <summary>Beyond the values, of their range.</summary>
    private const double Room = 0.05;

    public static JsonObject Of(Chart chart)
    {
        var data = new JsonArray();
        if (chart.Contour is { } contour) data.Add(ContourTrace(contour));
        foreach (var (index, series) in chart.Series.Index())
        {
            if (series is { Low: not null, High: not null } && series.HasBand) data.Add(Band(chart, series, index));
            data.Add(Trace(chart, series, index));
        }
        return new JsonObject
        {
            ["data"] = data,
            ["layout"] = new JsonObject
            {
                ["xaxis"] = Layout(chart.X, chart.Series.SelectMany(series => series.X)),
                ["yaxis"] = Layout(chart.Y, chart.Series.SelectMany(series => series.Y.Concat(series.Low ?? []).Concat(series.High ?? []))),
                ["hovermode"] = IsOneValueForEachX(chart) ? "x unified" : "closest",
                ["barmode"] = "overlay",
                ["bargap"] = 0,
                ["showlegend"] = chart.Series.Count(series => series.Name.Length > 0) > 1,
            },
        };
    }

    private static bool IsOneValueForEachX(Chart chart) =>
        chart.Contour is null && chart.Series.All(series => series.Style != SeriesStyle.Markers);

    private static JsonObject Trace(Chart chart, Series series, int index)
    {
        var trace = new JsonObject
        {
            ["name"] = Escape(series.Name),
            ["x"] = Numbers(series.X),
            ["y"] = Numbers(series.Y),
            ["legendgroup"] = $"{index}",
            ["showlegend"] = series.Name.Length > 0,
            ["meta"] = Colors(chart, series, "series"),
        };
        if (series.Style == SeriesStyle.Bars)
        {
            trace["type"] = "bar";
            trace["opacity"] = 0.6;
            return trace;
        }
        trace["type"] = "scatter";
        trace["mode"] = series.Style switch
        {
            SeriesStyle.Markers => "markers",
            SeriesStyle.LineAndMarkers => "lines+markers",
            _ => "lines",
        };
        trace["line"] = new JsonObject
        {
            ["width"] = series.Dashed ? 1.6 : 2.2,
            ["dash"] = series.Dashed ? "dash" : "solid",
            ["shape"] = series.Style == SeriesStyle.Steps ? "hv" : "linear",
        };
        trace["marker"] = new JsonObject { ["size"] = 8, ["symbol"] = Symbols[index % Symbols.Length] };
        if (series is { Low: { } low, High: { } high } && !series.HasBand)
            trace["error_y"] = new JsonObject
            {
                ["type"] = "data",
                ["symmetric"] = false,
                ["array"] = Numbers(high.Zip(series.Y, (h, y) => h - y)),
                ["arrayminus"] = Numbers(series.Y.Zip(low, (y, l) => y - l)),
                ["thickness"] = 1.6,
                ["width"] = 4,
            };
        return trace;
    }

    private static string[] Symbols =>
        ["circle", "square", "triangle-up", "diamond", "circle-open", "square-open", "triangle-down"];

    /// <summary>The area between a line's low and high ends: there and back again.</summary>
    private static JsonObject Band(Chart chart, Series series, int index)
    {
        int[] finite = [.. Enumerable.Range(0, series.X.Length)
            .Where(i => double.IsFinite(series.X[i]) && IsDrawn(series.Low![i], chart.Y) && IsDrawn(series.High![i], chart.Y))];
        return new JsonObject
        {
            ["type"] = "scatter",
            ["mode"] = "lines",
            ["x"] = Numbers([.. finite.Select(i => series.X[i]), .. finite.Reverse().Select(i => series.X[i])]),
            ["y"] = Numbers([.. finite.Select(i => series.Low![i]), .. finite.Reverse().Select(i => series.High![i])]),
            ["fill"] = "toself",
            ["line"] = new JsonObject { ["width"] = 0 },
            ["legendgroup"] = $"{index}",
            ["showlegend"] = false,
            ["hoverinfo"] = "skip",
            ["meta"] = Colors(chart, series, "band"),
        };
    }

    private static bool IsDrawn(double value, Axis axis) => double.IsFinite(value) && (!axis.Log || value > 0);

    private static JsonObject ContourTrace(Contour contour) => new()
    {
        ["type"] = "contour",
        ["name"] = Escape(contour.Label),
        ["x"] = Numbers(contour.X),
        ["y"] = Numbers(contour.Y),
        ["z"] = new JsonArray([.. contour.Z.Select(row => (JsonNode)Numbers(row))]),
        ["showscale"] = false,
        ["hoverinfo"] = "skip",
        ["contours"] = new JsonObject
        {
            ["coloring"] = "lines",
            ["start"] = contour.Levels[0],
            ["end"] = contour.Levels[^1],
            ["size"] = contour.Levels[1] - contour.Levels[0],
        },
        ["line"] = new JsonObject { ["width"] = 1.3 },
        ["meta"] = new JsonObject
        {
            ["kind"] = "contour",
            ["light"] = Style.ContourLine(dark: false).ToHex(),
            ["dark"] = Style.ContourLine(dark: true).ToHex(),
        },
    };

    private static JsonObject Colors(Chart chart, Series series, string kind) => new()
    {
        ["kind"] = kind,
        ["light"] = Style.ColorOf(chart, series, dark: false).ToHex(),
        ["dark"] = Style.ColorOf(chart, series, dark: true).ToHex(),
    };

    private static JsonObject Layout(Axis axis, IEnumerable<double> values)
    {
        var layout = new JsonObject
        {
            ["title"] = new JsonObject { ["text"] = Escape(axis.Label) },
            ["type"] = axis.Log ? "log" : "linear",
            ["hoverformat"] = ".5~g",
        };
        if (RangeOf(axis, values) is var (min, max)) layout["range"] = axis.Reversed ? new JsonArray(max, min) : new JsonArray(min, max);
        else layout["autorange"] = axis.Reversed ? "reversed" : true;
        if (axis.Log) (layout["nticks"], layout["exponentformat"]) = (5, "power");
        if (axis.Whole) layout["dtick"] = WholeStep(values.Where(double.IsFinite).DefaultIfEmpty(0).ToArray());
        if (axis.Ticks is { } ticks)
        {
            layout["tickvals"] = Numbers(ticks.Select(tick => tick.Value));
            layout["ticktext"] = new JsonArray([.. ticks.Select(tick => (JsonNode)Lines(tick.Label))]);
        }
        return layout;
    }

    /// <summary>The distance of ticks at whole numbers: 1, 2, 5, 10, 20, …, ten ticks or fewer.</summary>
    private static double WholeStep(double[] values)
    {
        double least = Math.Max(1, (values.Max() - values.Min()) / 10), power = Math.Pow(10, Math.Floor(Math.Log10(least)));
        return power * new[] { 1, 2, 5, 10 }.First(digit => digit * power >= least);
    }

    /// <summary>
    /// The range where an end of it is given, with some room at an end that follows from the values; null where neither is.
    /// Plotly has half ranges too, but forgets them when the page is resized.
    /// </summary>
    private static (double Min, double Max)? RangeOf(Axis axis, IEnumerable<double> values)
    {
        if (axis is { Min: null, Max: null }) return null;
        double[] shown = [.. values.Where(value => IsDrawn(value, axis)).Select(Position)];
        double low = axis.Min is { } min ? Position(min) : shown.DefaultIfEmpty(Position(axis.Max!.Value) - 1).Min();
        double high = axis.Max is { } max ? Position(max) : shown.DefaultIfEmpty(low + 1).Max();
        double room = Room * Math.Max(high - low, 1e-9);
        return (axis.Min is null ? low - room : low, axis.Max is null ? high + room : high);

        double Position(double value) => axis.Log ? Math.Log10(value) : value;
    }

    /// <summary>All digits; JSON has no NaN and no infinity, and Plotly leaves a gap at null.</summary>
    private static JsonArray Numbers(IEnumerable<double> values) =>
        new([.. values.Select(value => double.IsFinite(value) ? JsonValue.Create(value) : null)]);

    private static string Lines(string text) => Escape(text).Replace("\n", "<br>", StringComparison.Ordinal);

    /// <summary>Plotly reads a few tags in texts, so what looks like one must not be one.</summary>
    private static string Escape(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}
