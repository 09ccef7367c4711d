using System.Globalization;
using System.Text;

namespace MiniDL;

/// <summary>
/// How messages quote what they were given: names, keys and values out of files, arguments, paths. Quoted text is short, and shows
/// what would move a terminal's cursor, change its colours or turn the direction of writing as <c>\u001b</c>.
/// </summary>
internal static class Quote
{
    /// <summary>The most characters that a message quotes of one thing.</summary>
    public const int MaxLength = 100;

    /// <summary>The most items that a message lists.</summary>
    public const int MaxItems = 10;

    /// <summary>The most characters of a whole message.</summary>
    public const int MaxLine = 2_000;

    private const string Cut = "…";

    /// <summary>A name, key or value: its beginning, where it is long.</summary>
    public static string Text(string? text) => text is null ? "null" : Beginning(text, MaxLength);

    /// <summary>Names or keys in a row, those after the tenth as a number: <c>a, b, and 123 more</c>.</summary>
    public static string List(IEnumerable<string> names) => First(names.Select(Text));

    /// <summary>The first ten of things that are quoted already, and how many more there are.</summary>
    public static string First(IEnumerable<string> items, string separator = ", ")
    {
        var shown = new List<string>();
        int more = 0;
        foreach (string item in items)
            if (shown.Count < MaxItems) shown.Add(item);
            else more++;
        return string.Join(separator, shown) + (more > 0 ? $"{separator}and {more} more" : "");
    }

    /// <summary>All of a text that people must be able to copy, such as the path of a file.</summary>
    public static string Visible(string text) => text.AsSpan().ContainsAnyExceptInRange(' ', '~') ? Beginning(text, int.MaxValue) : text;

    /// <summary>A whole message on one line; of one that is too long the middle is left out, since the remedy stands at the end.</summary>
    public static string Line(string message)
    {
        const int end = 400;
        if (message.Length > 2 * MaxLine) message = message[..MaxLine] + Cut + message[^MaxLine..];
        string line = Visible(message.ReplaceLineEndings(" "));
        return line.Length <= MaxLine ? line : line[..(MaxLine - end - Cut.Length)] + Cut + line[^end..];
    }

    private static string Beginning(string text, int length)
    {
        var shown = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            int pair = char.IsSurrogatePair(text, i) ? 2 : 1;
            string next = IsHidden(text, i)
                ? string.Concat(text.Substring(i, pair).Select(c => $"\\u{(int)c:x4}"))
                : text.Substring(i, pair);
            i += pair - 1;
            // The last place is for the mark that something is missing, unless nothing is.
            bool last = i == text.Length - 1;
            if (shown.Length + next.Length > length - (last ? 0 : Cut.Length)) return shown.Append(Cut).ToString();
            shown.Append(next);
        }
        return shown.ToString();
    }

    /// <summary>Control characters, those that set the direction of writing or have no width, line separators and half surrogates.</summary>
    private static bool IsHidden(string text, int index) => CharUnicodeInfo.GetUnicodeCategory(text, index)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
