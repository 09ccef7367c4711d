using System.Text;
using MiniDL.Serialization;

namespace MiniDL.Examples.Output;

/// <summary>A CSV file that grows by a row at a time, each on the disk when <see cref="Append"/> returns.</summary>
internal sealed class CsvFile : IDisposable
{
    /// <summary>The longest line that is read; the tables have lines of a hundred characters or two.</summary>
    private const int MaxLine = 10_000;

    private readonly string _path;
    private readonly FileLayer _files;
    private readonly FileStream _stream;

    private CsvFile(string path, FileLayer files) => (_path, _files, _stream) = (path, files, files.Append(path));

    /// <summary>Opens the file with a header and these rows, whatever was in it before, for more rows.</summary>
    public static CsvFile Create(string path, string header, IEnumerable<string> rows, FileLayer? files = null)
    {
        Write(path, header, rows, files);
        return new CsvFile(path, files ?? FileLayer.System);
    }

    /// <summary>Writes the whole file.</summary>
    public static void Write(string path, string header, IEnumerable<string> rows, FileLayer? files = null) =>
        AtomicFile.Write(path, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
            foreach (string row in rows.Prepend(header)) writer.WriteLine(row);
        }, files);

    /// <summary>The rows of a file; a last row that was not written to its end is left out.</summary>
    /// <exception cref="MiniDLException">The first line is not this header, or a row has another number of columns.</exception>
    public static List<CsvRow> Read(string path, string header)
    {
        using var reader = new StreamReader(InputFile.Open(path));
        var table = new CsvTable(Quote.Visible(path), header.Split(','));
        if (NextLine(reader) != header) throw new MiniDLException($"{table.Path} does not begin with the columns {header}. {CsvRow.Remedy}");
        var rows = new List<CsvRow>();
        for (int number = 2; NextLine(reader) is { } line; number++)
        {
            if (line.Length == 0) continue;
            if (line.Length > MaxLine)
                throw new MiniDLException($"{table.Path}, line {number}, has more than {MaxLine} characters. {CsvRow.Remedy}");
            int cells = line.AsSpan().Count(',') + 1;
            if (cells != table.Columns.Length)
                throw new MiniDLException(
                    $"{table.Path}, line {number}, has {cells} columns, expected {table.Columns.Length}. {CsvRow.Remedy}");
            rows.Add(new CsvRow(table, number, line));
        }
        return rows;
    }

    /// <summary>The first line of a file; of a very long one its beginning.</summary>
    public static string FirstLine(string path)
    {
        using var reader = new StreamReader(InputFile.Open(path));
        return NextLine(reader) ?? "";
    }

    /// <summary>The next line that was written to its end; null where there is none. Of a line that is too long, a bit too much.</summary>
    private static string? NextLine(StreamReader reader)
    {
        var line = new StringBuilder();
        for (int c = reader.Read(); line.Length <= MaxLine; c = reader.Read())
        {
            if (c < 0) return null;
            if (c == '\n') break;
            line.Append((char)c);
        }
        return line.ToString();
    }

    /// <exception cref="MiniDLException">It cannot be written; a part of the row may have been.</exception>
    public void Append(string row)
    {
        try
        {
            // Past the stream's buffer, which would try again, and fail again, when the file is closed.
            RandomAccess.Write(_stream.SafeFileHandle, Encoding.UTF8.GetBytes(row + "\n"), RandomAccess.GetLength(_stream.SafeFileHandle));
            _files.Flush(_stream);
        }
        catch (Exception e) when (FileLayer.IsFailure(e))
        {
            throw new MiniDLException($"{Quote.Visible(_path)} cannot be written: {FileLayer.Reason(e)}", e);
        }
    }

    public void Dispose() => _stream.Dispose();
}
