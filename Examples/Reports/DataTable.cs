using System.Globalization;
using MiniDL.Examples.Output;

namespace MiniDL.Examples.Reports;

/// <summary>Numbers for other programs, <c>NAME.csv</c>, and for the eye: a table on the page.</summary>
/// <param name="Name">The name of its file, without the ending.</param>
/// <param name="Columns">snake_case, as in every CSV file of the program.</param>
/// <param name="Rows">Cells are strings, int, long or double.</param>
internal sealed record DataTable(string Name, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<object>> Rows)
{
    /// <summary>What the table says, in a sentence.</summary>
    public string? Caption { get; init; }

    /// <summary>Whether it is in the file alone, because a chart says the same or because it is long.</summary>
    public bool Hidden { get; init; }

    public void Save(string folder) => CsvFile.Write(Path.Combine(folder, Name + ".csv"), string.Join(",", Columns),
        Rows.Select(row => string.Join(",", row.Select(cell => Quote(Text(cell))))));

    /// <summary>A cell with all its digits, the same wherever the program runs.</summary>
    public static string Text(object cell) => Convert.ToString(cell, CultureInfo.InvariantCulture)!;

    private static string Quote(string text) =>
        text.AsSpan().IndexOfAny(",\"\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
