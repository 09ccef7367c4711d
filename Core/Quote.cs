using System.Globalization;
using System.Text;

namespace MiniDL;

/// <summary>
/// Quotes untrusted text in messages: names, keys and values from files, arguments, paths. Quoted text is shortened, and
/// characters that would move a terminal's cursor, change its colours or the direction of writing are shown as <c>\u001b</c>.
/// </summary>
internal static class Quote
{
    /// <summary>The most characters quoted of one item.</summary>
    public const int MaxLength = 100;

    /// <summary>The most items listed.</summary>
    public const int MaxItems = 10;

    /// <summary>The most characters of a whole message.</summary>
    public const int MaxLine = 2_000;

    private const string Cut = "…";

    /// <summary>A name, key or value; only its beginning if it is long.</summary>
    public static string Text(string? text) => text is null ? "null" : Beginning(text, MaxLength);

    /// <summary>A list of names or keys, of which at most ten are shown: <c>a, b, and 123 more</c>.</summary>
    public static string List(IEnumerable<string> names) => First(names.Select(Text));

    /// <summary>The first ten of several items that are already quoted, and how many more there are.</summary>
    public static string First(IEnumerable<string> items, string separator = ", ")
    {
        var shown = new List<string>();
        int more = 0;
        foreach (string item in items)
            if (shown.Count < MaxItems) shown.Add(item);
            else more++;
        return string.Join(separator, shown) + (more > 0 ? $"{separator}and {more} more" : "");
    }

    /// <summary>All of a text that the user must be able to copy, such as the path of a file.</summary>
    public static string Visible(string text) => text.AsSpan().ContainsAnyExceptInRange(' ', '~') ? Beginning(text, int.MaxValue) : text;

    /// <summary>A whole message on one line; if it is too long, its middle is left out, since the remedy comes at the end.</summary>
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
            // Space is reserved for the mark that something is missing, unless this is the last character.
            bool last = i == text.Length - 1;
            if (shown.Length + next.Length > length - (last ? 0 : Cut.Length)) return shown.Append(Cut).ToString();
            shown.Append(next);
        }
        return shown.ToString();
    }

    /// <summary>Control characters, characters without width or that set the direction of writing, line separators and unpaired surrogates.</summary>
    private static bool IsHidden(string text, int index) => CharUnicodeInfo.GetUnicodeCategory(text, index)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
