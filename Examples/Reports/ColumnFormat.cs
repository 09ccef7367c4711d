using System.Globalization;

namespace MiniDL.Examples.Reports;

/// <summary>How the numbers of a table's column are shown: all with as many decimals, so that they can be compared at a glance.</summary>
/// <param name="IsNumeric">Whether there are numbers in it.</param>
/// <param name="Format">The format of all that are not whole.</param>
internal sealed record ColumnFormat(bool IsNumeric, string Format)
{
    private const int Digits = 4, WidestFixed = 9;

    /// <summary>
    /// As many decimals as four digits of any number have. Where the largest and the smallest are too far apart for that, powers of ten.
    /// </summary>
    public static ColumnFormat Of(IEnumerable<object> cells)
    {
        object[] all = [.. cells];
        double[] numbers = [.. all.OfType<double>().Where(double.IsFinite)];
        int decimals = numbers.Select(DecimalsOf).DefaultIfEmpty().Max();
        double largest = numbers.Select(Math.Abs).DefaultIfEmpty().Max();
        int whole = largest >= 1 ? (int)Math.Floor(Math.Log10(largest)) + 1 : 1;
        return new ColumnFormat(all.Any(cell => cell is not string), whole + decimals <= WidestFixed ? $"N{decimals}" : "0.000E+0");
    }

    public string Short(double number) => number.ToString(Format, CultureInfo.InvariantCulture);

    /// <summary>Decimals of the number rounded to four digits, without zeros at the end.</summary>
    private static int DecimalsOf(double number)
    {
        if (number == 0) return 0;
        int place = (int)Math.Floor(Math.Log10(Math.Abs(number)));
        // Rounded by a format, which unlike Math.Round takes any number of places.
        string mantissa = Math.Abs(number).ToString($"E{Digits - 1}", CultureInfo.InvariantCulture);
        int zeros = mantissa[..(Digits + 1)].Reverse().TakeWhile(c => c == '0').Count();
        return Math.Max(0, Digits - 1 - zeros - place);
    }
}
