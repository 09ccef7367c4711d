using System.Text;
using MiniDL.Serialization;

namespace MiniDL.Examples.Output;

/// <summary>A CSV file that grows by a row at a time, each on the disk when <see cref="Append"/> returns.</summary>
internal sealed class CsvFile : IDisposable
{
    private const int MaxBytes = 1 << 30, MaxOfFirstLine = 1_000;

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
        var table = new CsvTable(Quote.Visible(path), header.Split(','), Content(path));
        int start = LineEnd(table.Content, 0) + 1, count = 0;
        if (start == 0 || !table.Content.AsSpan(0, start - 1).SequenceEqual(Encoding.UTF8.GetBytes(header)))
            throw new MiniDLException($"{table.Path} does not begin with the columns {header}. {CsvRow.Remedy}");
        // Counted and checked before the list is made, which then has the right size.
        foreach (var row in Rows(table, start)) count += row.Checked() ? 1 : 0;
        var rows = new List<CsvRow>(count);
        rows.AddRange(Rows(table, start));
        return rows;
    }

    /// <summary>The first line of a file; of a very long one its beginning.</summary>
    public static string FirstLine(string path)
    {
        using var stream = InputFile.Open(path);
        byte[] text = new byte[Math.Min(stream.Length, MaxOfFirstLine)];
        stream.ReadExactly(text);
        int end = LineEnd(text, 0);
        return Encoding.UTF8.GetString(text, 0, end < 0 ? text.Length : end);
    }

    private static byte[] Content(string path)
    {
        using var stream = InputFile.Open(path);
        if (stream.Length > MaxBytes)
            throw new MiniDLException($"{Quote.Visible(path)} has {stream.Length} bytes; tables of {MaxBytes} are read. {CsvRow.Remedy}");
        byte[] content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }

    private static IEnumerable<CsvRow> Rows(CsvTable table, int start)
    {
        int line = 2;
        for (int end; (end = LineEnd(table.Content, start)) >= 0; start = end + 1, line++)
            if (end > start) yield return new CsvRow(table, line, start, end);
    }

    private static int LineEnd(byte[] content, int start) => Array.IndexOf(content, (byte)'\n', start);

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
