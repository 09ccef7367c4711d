using System.Globalization;
using System.Numerics;

namespace MiniDL.Examples.Output;

/// <summary>A CSV file that is being read.</summary>
/// <param name="Path">As messages name it.</param>
internal sealed record CsvTable(string Path, string[] Columns);

/// <summary>A row of a CSV file, and where it stands there.</summary>
/// <param name="Line">From 1, the header's.</param>
/// <param name="Text">The whole row: a string for every cell would take ten times as much memory as the file.</param>
internal readonly record struct CsvRow(CsvTable Table, int Line, string Text)
{
    public const string Remedy = "Correct it, or restore the file from a copy.";

    /// <summary>The cells, split anew at every call.</summary>
    public string[] Cells => Text.Split(',');

    /// <summary>The number in a column.</summary>
    /// <exception cref="MiniDLException">There is another thing, or a number that is not finite.</exception>
    public T Number<T>(int column) where T : struct, INumber<T>
    {
        const NumberStyles whole = NumberStyles.AllowLeadingSign, real = NumberStyles.Float & ~(NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite);
        bool isReal = typeof(T) == typeof(double);
        if (!T.TryParse(Cell(column), isReal ? real : whole, CultureInfo.InvariantCulture, out T number))
            throw Bad(column, $"is not a {(isReal ? "" : "whole ")}number");
        return T.IsFinite(number) ? number : throw Bad(column, "is not a finite number");
    }

    /// <summary>The number in a column, which says <c>NaN</c> where a run diverged.</summary>
    /// <inheritdoc cref="Number"/>
    public double NumberOrNaN(int column) => Cell(column) is "NaN" ? double.NaN : Number<double>(column);

    /// <summary>The name in a column: of a norm, a layer or a type.</summary>
    /// <exception cref="MiniDLException">There is none, it is very long, or has characters that no such name has.</exception>
    public string Name(int column)
    {
        var name = Cell(column);
        bool isName = name.Length is > 0 and <= Quote.MaxLength;
        foreach (char c in name) isName &= char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.';
        return isName ? name.ToString() : throw Bad(column, "is not a name");
    }

    public bool IsEmpty(int column) => Cell(column).IsEmpty;

    private ReadOnlySpan<char> Cell(int column)
    {
        var rest = Text.AsSpan();
        for (int i = 0; i < column; i++) rest = rest[(rest.IndexOf(',') + 1)..];
        int end = rest.IndexOf(',');
        return end < 0 ? rest : rest[..end];
    }

    private MiniDLException Bad(int column, string problem) => new(
        $"{Table.Path}, line {Line}, column {Table.Columns[column]}: '{Quote.Text(Cell(column).ToString())}' {problem}. {Remedy}");
}
