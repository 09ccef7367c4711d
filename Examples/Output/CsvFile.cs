using System.Text;
using MiniDL.Serialization;

namespace MiniDL.Examples.Output;

/// <summary>A CSV file that grows by a row at a time, each on the disk when <see cref="Append"/> returns.</summary>
internal sealed class CsvFile : IDisposable
{
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
            throw new MiniDLException($"{_path} cannot be written: {FileLayer.Reason(e)}", e);
        }
    }

    public void Dispose() => _stream.Dispose();
}
