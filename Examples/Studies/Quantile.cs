namespace MiniDL.Examples.Studies;

/// <summary>Quantiles of a sample, interpolated between its values as NumPy does.</summary>
internal static class Quantile
{
    /// <summary>NaN if a value is NaN, or there is none.</summary>
    /// <param name="quantile">0 for the smallest value, 0.5 for the median, 1 for the largest.</param>
    public static double Of(IEnumerable<double> values, double quantile)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0 || double.IsNaN(sorted[0])) return double.NaN;
        double position = quantile * (sorted.Length - 1);
        int below = (int)position, above = Math.Min(below + 1, sorted.Length - 1);
        return below == above ? sorted[below] : sorted[below] + (position - below) * (sorted[above] - sorted[below]);
    }
}
