using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests.Guides;

/// <summary>A guide as its readers see it: lines, and blocks of code between fences.</summary>
internal sealed class GuideText(string path)
{
    private readonly string[] _lines = File.ReadAllLines(System.IO.Path.Combine(Gpu.Root(), path));

    public string Path => path;

    public IReadOnlyList<string> Lines => _lines;

    /// <summary>The blocks of a section: its language, and its text as a snippet.</summary>
    /// <param name="heading">The heading of the section, with its number signs; it ends where one of the same level begins.</param>
    public IEnumerable<(string Language, Snippet Snippet)> Blocks(string? heading = null)
    {
        var (first, last) = heading is null ? (0, _lines.Length) : Section(heading);
        for (int i = first; i < last; i++)
        {
            if (!_lines[i].StartsWith("```", StringComparison.Ordinal)) continue;
            int end = Array.IndexOf(_lines, "```", i + 1);
            yield return (_lines[i][3..], new Snippet(path, i + 2, string.Join('\n', _lines[(i + 1)..end])));
            i = end;
        }
    }

    /// <summary>The rows of all tables but their headings, as cells.</summary>
    public IEnumerable<(int Line, string[] Cells)> Rows()
    {
        for (int i = 2; i < _lines.Length; i++)
            if (IsRow(i) && IsRow(i - 1) && !_lines[i].StartsWith("|---", StringComparison.Ordinal))
                yield return (i + 1, [.. _lines[i].Trim('|').Split('|').Select(cell => cell.Trim())]);
    }

    private bool IsRow(int line) => _lines[line].StartsWith('|');

    private (int First, int Last) Section(string heading)
    {
        int first = Array.IndexOf(_lines, heading);
        Assert.True(first >= 0, $"{path} has no section {heading}");
        string level = heading[..(heading.IndexOf(' ') + 1)];
        int last = Array.FindIndex(_lines, first + 1, line => line.StartsWith(level, StringComparison.Ordinal));
        return (first, last < 0 ? _lines.Length : last);
    }
}
