using System.Globalization;
using System.Text;

namespace MiniDL.Diagnostics;

/// <summary>A table in plain text: columns as wide as their widest cell, a line under the headings and over the last row, which is the total.</summary>
internal static class TextTable
{
    private const string Gap = "  ";

    /// <param name="headings">One for each column.</param>
    /// <param name="texts">How many columns from the left hold text, which is aligned left; the others hold numbers.</param>
    /// <param name="rows">As many cells as headings each.</param>
    public static string Of(string[] headings, int texts, IReadOnlyList<string[]> rows)
    {
        int[] widths = [.. headings.Select((heading, column) => rows.Select(row => row[column].Length).Append(heading.Length).Max())];
        string rule = new('─', widths.Sum() + Gap.Length * (widths.Length - 1));
        var table = new StringBuilder();
        void Add(string[] cells) => table.AppendLine(string.Join(Gap,
            cells.Select((cell, column) => column < texts ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd());
        Add(headings);
        table.AppendLine(rule);
        foreach (var (index, row) in rows.Index())
        {
            if (index > 0 && index == rows.Count - 1) table.AppendLine(rule);
            Add(row);
        }
        return table.ToString();
    }

    /// <summary>A number, or nothing where it says nothing.</summary>
    public static string Number(double value, string format, bool known = true) =>
        known ? value.ToString(format, CultureInfo.InvariantCulture) : "";

    /// <summary>Bytes to three digits, such as <c>1.23 MB</c> of 1,230,000; nothing for none.</summary>
    public static string Bytes(double bytes) => Scaled(bytes, " B", " kB", " MB", " GB", " TB");

    /// <summary>A count to three digits, such as <c>1.23 M</c>; nothing for none.</summary>
    public static string Count(double count) => Scaled(count, "", " k", " M", " G", " T");

    private static string Scaled(double value, params string[] units)
    {
        if (value == 0) return "";
        int unit = 0;
        // 999.5 would be written as 1000.
        for (; value >= 999.5 && unit < units.Length - 1; unit++) value /= 1000;
        string format = unit == 0 || value >= 99.95 ? "F0" : value >= 9.995 ? "F1" : "F2";
        return value.ToString(format, CultureInfo.InvariantCulture) + units[unit];
    }
}
