using System.Globalization;
using System.Numerics;
using System.Text;

namespace MiniDL.Examples.Output;

/// <summary>A CSV file that is being read.</summary>
/// <param name="Path">As messages name it.</param>
internal sealed record CsvTable(string Path, string[] Columns, byte[] Content);

/// <summary>A row of a CSV file, and where it stands there.</summary>
/// <remarks>It looks into the file's bytes: strings for all cells would take ten times as much memory.</remarks>
/// <param name="Line">From 1, the header's.</param>
/// <param name="Start">Where it begins in the file.</param>
/// <param name="End">Where its line ends there.</param>
internal readonly record struct CsvRow(CsvTable Table, int Line, int Start, int End)
{
    public const string Remedy = "Correct it, or restore the file from a copy.";

    private ReadOnlySpan<byte> Bytes => Table.Content.AsSpan(Start..End);

    /// <summary>True for a row with as many cells as there are columns.</summary>
    /// <exception cref="MiniDLException">It has another number.</exception>
    public bool Checked()
    {
        int cells = Bytes.Count((byte)',') + 1;
        return cells == Table.Columns.Length
            ? true
            : throw new MiniDLException($"{Table.Path}, line {Line}, has {cells} columns, expected {Table.Columns.Length}. {Remedy}");
    }

    /// <summary>The number in a column.</summary>
    /// <exception cref="MiniDLException">There is another thing, or a number that is not finite.</exception>
    public T Number<T>(int column) where T : struct, INumber<T>
    {
        const NumberStyles whole = NumberStyles.AllowLeadingSign, real = whole | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        bool isReal = typeof(T) == typeof(double);
        if (!T.TryParse(Cell(column), isReal ? real : whole, CultureInfo.InvariantCulture, out T number))
            throw Bad(column, $"is not a {(isReal ? "" : "whole ")}number");
        return T.IsFinite(number) ? number : throw Bad(column, "is not a finite number");
    }

    /// <summary>The number in a column, which says <c>NaN</c> where a run diverged.</summary>
    /// <inheritdoc cref="Number"/>
    public double NumberOrNaN(int column) => Cell(column).SequenceEqual("NaN"u8) ? double.NaN : Number<double>(column);

    /// <summary>The name in a column: of a norm, a layer or a type.</summary>
    /// <exception cref="MiniDLException">There is none, it is very long, or has characters that no such name has.</exception>
    public string Name(int column)
    {
        var name = Cell(column);
        bool isName = name.Length is > 0 and <= Quote.MaxLength;
        foreach (byte b in name) isName &= char.IsAsciiLetterOrDigit((char)b) || b is (byte)'-' or (byte)'_' or (byte)'.';
        return isName ? Encoding.UTF8.GetString(name) : throw Bad(column, "is not a name");
    }

    public bool IsEmpty(int column) => Cell(column).IsEmpty;

    private ReadOnlySpan<byte> Cell(int column)
    {
        var rest = Bytes;
        for (int i = 0; i < column; i++) rest = rest[(rest.IndexOf((byte)',') + 1)..];
        int end = rest.IndexOf((byte)',');
        return end < 0 ? rest : rest[..end];
    }

    private MiniDLException Bad(int column, string problem)
    {
        var cell = Cell(column);
        string text = Encoding.UTF8.GetString(cell[..Math.Min(cell.Length, 4 * Quote.MaxLength)]);
        return new MiniDLException($"{Table.Path}, line {Line}, column {Table.Columns[column]}: '{Quote.Text(text)}' {problem}. {Remedy}");
    }
}
