using System.Globalization;

namespace MiniDL.Examples.Reports;

/// <summary>How the numbers of a table's column are written: all with the same decimals, so that they can be compared at a glance.</summary>
internal static class ColumnFormat
{
    /// <summary>Digits of the largest number, and of the smallest where that has fewer.</summary>
    private const int DigitsOfLargest = 4, DigitsOfSmallest = 2;

    private const int MaxDecimals = 8;

    /// <summary>Beyond this ratio of the largest to the smallest, and above this size, columns have exponents.</summary>
    private const double MaxRange = 1e6, MaxSize = 1e9;

    private const string Exponents = "0.000e+00";

    /// <summary>A format for all doubles among the cells.</summary>
    public static string Of(IEnumerable<object> cells)
    {
        double[] sizes = [.. cells.OfType<double>().Where(double.IsFinite).Select(Math.Abs).Where(size => size > 0)];
        if (sizes.Length == 0) return "N0";
        double largest = sizes.Max(), smallest = sizes.Min();
        int decimals = Math.Max(DecimalsFor(largest, DigitsOfLargest), DecimalsFor(smallest, DigitsOfSmallest));
        decimals = Math.Min(decimals, sizes.Max(Decimals));
        return largest / smallest > MaxRange || largest >= MaxSize || decimals > MaxDecimals
            ? Exponents : string.Create(CultureInfo.InvariantCulture, $"N{decimals}");
    }

    /// <summary>Decimals that show so many digits of a number.</summary>
    private static int DecimalsFor(double size, int digits) => Math.Max(0, digits - 1 - (int)Math.Floor(Math.Log10(size)));

    /// <summary>The decimals that a number has when all its digits are written.</summary>
    private static int Decimals(double size)
    {
        string text = size.ToString("0.####################", CultureInfo.InvariantCulture);
        int point = text.IndexOf('.', StringComparison.Ordinal);
        return point < 0 ? 0 : text.Length - point - 1;
    }
}
