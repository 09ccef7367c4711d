using System.Globalization;
using System.Text.RegularExpressions;

namespace MiniDL.Examples.Output;

/// <summary>
/// A call of this program that can be pasted into a POSIX shell: every argument arrives as it was added here, whatever it holds. What the
/// numbers depend on beside the arguments, <c>MINIDL_CONV_ALGORITHM=exact</c>, stands before it.
/// </summary>
/// <example><c>new ShellCommand("train").Option("resume", "Ann's run")</c> is <c>… train --resume 'Ann'\''s run'</c>.</example>
/// <param name="words">The verb, and arguments that belong to no option.</param>
/// <param name="algorithm">What convolutions do that name no algorithm.</param>
internal sealed partial class ShellCommand(IEnumerable<string> words, ConvAlgorithm algorithm)
{
    private readonly List<string> _words = [.. words.Select(Quote)];

    public ShellCommand(params string[] words) : this(words, ConvDefaults.Algorithm)
    {
    }

    /// <summary>Adds an option with its value; nothing where the value is null.</summary>
    public ShellCommand Option(string name, object? value)
    {
        if (value is not null) _words.Add(Given(name, value));
        return this;
    }

    /// <summary>Adds an option without a value where it was given.</summary>
    public ShellCommand Flag(string name, bool given)
    {
        if (given) _words.Add($"--{name}");
        return this;
    }

    public override string ToString() =>
        string.Join(' ', [algorithm == ConvAlgorithm.Exact ? "MINIDL_CONV_ALGORITHM=exact" : "", HelpPage.Call, .. _words]).TrimStart();

    /// <summary>An option with its value, as it is typed: <c>--out 'my runs'</c>.</summary>
    public static string Given(string name, object value)
    {
        string text = Convert.ToString(value, CultureInfo.InvariantCulture)!;
        // A value that looks like an option is taken for one, unless it is joined to its own.
        return text.StartsWith('-') ? $"--{name}={Quote(text)}" : $"--{name} {Quote(text)}";
    }

    /// <summary>A word as a shell reads it: in single quotes, where it holds anything that a shell might read otherwise.</summary>
    public static string Quote(string word) =>
        Plain().IsMatch(word) ? word : $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    [GeneratedRegex(@"^[A-Za-z0-9_./,:@%+-][A-Za-z0-9_./,:@%+=-]*\z")]
    private static partial Regex Plain();
}
