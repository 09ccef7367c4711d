using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace MiniDL.Examples.Plots;

/// <summary>
/// Where values lie along an axis: ScottPlot's axes are linear and grow to the right, so logarithms and reversed axes are mapped.
/// </summary>
internal sealed class AxisScale(Reports.Axis axis)
{
    private const int MaxTicks = 9;

    private readonly int _sign = axis.Reversed ? -1 : 1;

    public double Map(double value)
    {
        double position = axis.Log ? value > 0 ? Math.Log10(value) : double.NaN : value;
        return double.IsFinite(position) ? _sign * position : double.NaN;
    }

    public double[] Map(IEnumerable<double> values) => [.. values.Select(Map)];

    /// <summary>The range in ScottPlot's numbers: the axis' own ends where it has them, else those of the data.</summary>
    public (double Low, double High) Limits(double low, double high)
    {
        double a = axis.Min is { } min ? Map(min) : axis.Reversed ? high : low;
        double b = axis.Max is { } max ? Map(max) : axis.Reversed ? low : high;
        return (Math.Min(a, b), Math.Max(a, b));
    }

    public ITickGenerator Ticks(double low, double high)
    {
        if (axis.Ticks is { } ticks) return Manual(ticks);
        if (axis.Log) return Manual(Decades(_sign * low, _sign * high));
        var automatic = new NumericAutomatic { TickDensity = 0.6, IntegerTicksOnly = axis.Whole };
        var label = automatic.LabelFormatter;
        automatic.LabelFormatter = position => label(_sign * position);
        return automatic;
    }

    private NumericManual Manual(IEnumerable<(double Value, string Label)> ticks)
    {
        var shown = ticks.ToArray();
        return new NumericManual([.. shown.Select(tick => Map(tick.Value))], [.. shown.Select(tick => tick.Label)]);
    }

    /// <summary>Powers of ten, thinned out where there are many, with twos and fives between where there are few.</summary>
    private static IEnumerable<(double Value, string Label)> Decades(double from, double to)
    {
        var (low, high) = (Math.Min(from, to), Math.Max(from, to));
        int first = (int)Math.Floor(low), last = (int)Math.Ceiling(high);
        int step = Math.Max(1, (last - first + MaxTicks - 1) / MaxTicks);
        int[] digits = high - low < 2.2 ? [1, 2, 5] : [1];
        for (int power = first - ((first % step + step) % step); power <= last; power += step)
            foreach (int digit in digits)
            {
                double value = digit * Math.Pow(10, power);
                if (Math.Log10(value) >= low && Math.Log10(value) <= high) yield return (value, Label(digit, power));
            }
    }

    private static string Label(int digit, int power)
    {
        if (power is >= -3 and <= 4) return (digit * Math.Pow(10, power)).ToString("0.####", CultureInfo.InvariantCulture);
        const string superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";
        string exponent = string.Concat(Math.Abs(power).ToString(CultureInfo.InvariantCulture).Select(d => superscripts[d - '0']));
        return $"{(digit == 1 ? "" : $"{digit}·")}10{(power < 0 ? "⁻" : "")}{exponent}";
    }
}
