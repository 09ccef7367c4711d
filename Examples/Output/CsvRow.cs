using System.Globalization;

namespace MiniDL.Examples.Output;

/// <summary>A row of a CSV file, and where it stands there.</summary>
/// <param name="Line">From 1, the header's.</param>
internal readonly record struct CsvRow(string Path, int Line, string[] Columns, string[] Cells)
{
    public const string Remedy = "Correct it, or restore the file from a copy.";

    /// <summary>The number in a column.</summary>
    /// <exception cref="MiniDLException">There is another thing.</exception>
    public T Number<T>(int column) where T : struct, IParsable<T> =>
        T.TryParse(Cells[column], CultureInfo.InvariantCulture, out T number)
            ? number
            : throw new MiniDLException($"{Path}, line {Line}, column {Columns[column]}: "
                + $"'{Cells[column]}' is not a {(typeof(T) == typeof(double) ? "" : "whole ")}number. {Remedy}");
}
