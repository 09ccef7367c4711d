namespace MiniDL.Examples.Reports;

/// <summary>
/// A figure as numbers and words, without a look: <see cref="Plots.ChartPicture"/> draws it as PNG and SVG,
/// <see cref="HtmlPage"/> as a figure that can be hovered and zoomed.
/// </summary>
/// <param name="Name">Its name in files and links: <c>deep_mlp_std</c>.</param>
/// <param name="Title">What is shown, in a few words.</param>
internal sealed record Chart(string Name, string Title, Axis X, Axis Y, params IReadOnlyList<Series> Series)
{
    /// <summary>What to see in it, in one or two sentences.</summary>
    public string? Caption { get; init; }

    /// <summary>
    /// Whether the series have an order, such as that of batch sizes: then their colours go from dark to light, otherwise they
    /// are as different as can be.
    /// </summary>
    public bool Ordered { get; init; }

    /// <summary>A function of x and y under the series.</summary>
    public Contour? Contour { get; init; }
}

/// <summary>An axis; what is not given follows from the values.</summary>
/// <param name="Label">The quantity, with its unit.</param>
internal sealed record Axis(string Label)
{
    public bool Log { get; init; }

    /// <summary>Whether values grow to the left or downwards.</summary>
    public bool Reversed { get; init; }

    /// <summary>Whether only whole numbers make sense, as with epochs: no ticks between them.</summary>
    public bool Whole { get; init; }

    public double? Min { get; init; }

    public double? Max { get; init; }

    /// <summary>
    /// Where to label the axis, and with what; values are in the axis' unit, also on a logarithmic axis. A label may have lines.
    /// </summary>
    public IReadOnlyList<(double Value, string Label)>? Ticks { get; init; }

    /// <summary>Ticks at these values, labelled with them.</summary>
    public static IReadOnlyList<(double Value, string Label)> TicksAt(params IEnumerable<double> values) =>
        [.. values.Select(value => (value, FormattableString.Invariant($"{value}")))];
}

/// <summary>Points in the order in which they are joined. NaN and infinite values are gaps.</summary>
/// <param name="Name">What the legend says; a series without a name is not in it.</param>
internal sealed record Series(string Name, double[] X, double[] Y)
{
    public SeriesStyle Style { get; init; } = SeriesStyle.Line;

    /// <summary>The lower end of what belongs to each point: a band around a line, error bars on markers.</summary>
    public double[]? Low { get; init; }

    /// <summary>The upper end; given together with <see cref="Low"/>.</summary>
    public double[]? High { get; init; }

    /// <summary>Whether low and high ends are the edges of a band, as they are around lines without markers; else they end bars.</summary>
    public bool HasBand { get => field || Style is SeriesStyle.Line or SeriesStyle.Steps; init; }

    /// <summary>The number of its colour in the palette; by default its position among the chart's series.</summary>
    public int? Color { get; init; }

    /// <summary>For theory and reference lines.</summary>
    public bool Dashed { get; init; }

    /// <summary>A horizontal, dashed line at a value between two points: what theory says.</summary>
    public static Series Level(string name, double value, double from, double to) =>
        new(name, [from, to], [value, value]) { Dashed = true };

    /// <summary>Means over seeds; where there are several, with the range that they span.</summary>
    public static Series Over(string name, double[] x, IReadOnlyList<OverSeeds> y)
    {
        bool several = y.Any(point => point.Seeds > 1);
        return new Series(name, x, [.. y.Select(point => point.Mean)])
        {
            Low = several ? [.. y.Select(point => point.Low)] : null,
            High = several ? [.. y.Select(point => point.High)] : null,
        };
    }

    /// <summary>The density of the values over equal bins, drawn as bars at the bins' centres.</summary>
    public static Series Histogram(string name, ReadOnlySpan<double> values, double low, double high, int bins)
    {
        var (centres, density) = (new double[bins], new double[bins]);
        double width = (high - low) / bins;
        foreach (double value in values)
        {
            int bin = (int)Math.Floor((value - low) / width);
            if (bin >= 0 && bin < bins) density[bin] += 1 / (values.Length * width);
        }
        for (int i = 0; i < bins; i++) centres[i] = low + (i + 0.5) * width;
        return new Series(name, centres, density) { Style = SeriesStyle.Bars };
    }
}

internal enum SeriesStyle
{
    Line,
    LineAndMarkers,
    Markers,
    Steps,
    Bars,
}

/// <summary>A function on a grid, shown by lines of equal value.</summary>
/// <param name="Label">What the function is.</param>
/// <param name="X">The grid's columns.</param>
/// <param name="Y">The grid's rows.</param>
/// <param name="Z">The function, a row for every y.</param>
/// <param name="Levels">The values that have a line, two or more, equally spaced.</param>
internal sealed record Contour(string Label, double[] X, double[] Y, double[][] Z, double[] Levels);
