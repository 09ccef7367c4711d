using MiniDL.Serialization;

namespace MiniDL.Examples.Output;

/// <summary>A CSV file that grows by a row at a time, each on disk when <see cref="Append"/> returns.</summary>
internal sealed class CsvFile : IDisposable
{
    private readonly StreamWriter _writer;

    private CsvFile(string path) => _writer = new StreamWriter(path, append: true) { NewLine = "\n" };

    /// <summary>Opens the file with a header and these rows, whatever was in it before, for more rows.</summary>
    public static CsvFile Create(string path, string header, params IEnumerable<string> rows)
    {
        Write(path, header, rows);
        return new CsvFile(path);
    }

    /// <summary>Writes the whole file.</summary>
    public static void Write(string path, string header, params IEnumerable<string> rows) =>
        AtomicFile.Write(path, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
            foreach (string row in rows.Prepend(header)) writer.WriteLine(row);
        });

    /// <summary>The rows of a file; a last row that was not written to its end is left out.</summary>
    /// <exception cref="MiniDLException">The first line is not this header, or a row has another number of columns.</exception>
    public static List<CsvRow> Read(string path, string header)
    {
        string text = File.ReadAllText(path);
        string[] lines = text[..(text.LastIndexOf('\n') + 1)].Split('\n'), columns = header.Split(',');
        if (lines[0] != header) throw new MiniDLException($"{path} does not begin with the columns {header}. {CsvRow.Remedy}");
        var rows = lines.Index().Skip(1).Where(line => line.Item.Length > 0)
            .Select(line => new CsvRow(path, line.Index + 1, columns, line.Item.Split(','))).ToList();
        return rows.Find(row => row.Cells.Length != columns.Length) is { Path: not null } bad
            ? throw new MiniDLException(
                $"{path}, line {bad.Line}, has {bad.Cells.Length} columns, expected {columns.Length}. {CsvRow.Remedy}")
            : rows;
    }

    public void Append(string row)
    {
        _writer.WriteLine(row);
        _writer.Flush();
    }

    public void Dispose() => _writer.Dispose();
}
