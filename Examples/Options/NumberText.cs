using System.Text.RegularExpressions;

namespace MiniDL.Examples.Options;

/// <summary>
/// How numbers are written on a command line: digits, a decimal point, an exponent, on every machine alike. The parser alone would take
/// 0,05 for 5, its comma for one between thousands.
/// </summary>
internal static partial class NumberText
{
    /// <summary>Whether the text is a number as it is meant; which ones are in range is the option's own matter.</summary>
    public static bool IsPlain(string text, bool whole) => (whole ? Whole() : Decimal()).IsMatch(text);

    /// <summary>What was meant, as <c>use 0.05</c>; null where that cannot be guessed.</summary>
    public static string? Remedy(string text, bool whole)
    {
        string bare = Separators().Replace(text, "");
        if (Grouped().IsMatch(text))
        {
            string digits = bare.Replace(",", "").Replace(".", "");
            return whole || text.Count(c => c is ',' or '.') > 1 ? $"use {digits}" : $"use {digits}, or {text.Replace(',', '.')} for a fraction";
        }
        int comma = bare.LastIndexOf(','), point = bare.LastIndexOf('.');
        // The last of the two is the decimal sign, the other stands between thousands.
        string plain = comma > point ? bare.Replace(".", "").Replace(',', '.') : bare.Replace(",", "");
        plain = plain.TrimStart('+');
        return plain != text && IsPlain(plain, whole) ? $"use {plain}" : null;
    }

    [GeneratedRegex(@"^-?[0-9]+$")]
    private static partial Regex Whole();

    [GeneratedRegex(@"^-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$")]
    private static partial Regex Decimal();

    [GeneratedRegex(@"^-?[1-9][0-9]{0,2}([,.][0-9]{3})+$")]
    private static partial Regex Grouped();

    [GeneratedRegex(@"[\s_'’]")]
    private static partial Regex Separators();
}
