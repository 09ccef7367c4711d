using System.Net;
using System.Text.RegularExpressions;

namespace MiniDL.Explaining;

/// <summary>Where an operator is written: its formula is that of the doc comment, its code forward and backward side by side.</summary>
/// <param name="File">The path in the repository.</param>
/// <param name="Formula">One line: <c>y = x · Wᵀ + b; dx = dy · W, …</c></param>
/// <param name="Code">From the doc comment to the end of the file.</param>
internal sealed partial record OperatorSource(string File, string Formula, string Code)
{
    /// <summary>By the operator's name and by the name of its type, which tells two operators of one name apart.</summary>
    public static IReadOnlyDictionary<string, OperatorSource> All { get; } = Read();

    private static Dictionary<string, OperatorSource> Read()
    {
        Dictionary<string, OperatorSource> sources = [];
        foreach (string file in Resource.Names.Where(name => name.EndsWith(".cs", StringComparison.Ordinal)))
        {
            string text = Resource.Text(file);
            if (Definition().Match(text) is not { Success: true } match) continue;
            string comment = string.Join(' ', match.Groups["doc"].Value.Split('\n').Select(line => line.TrimStart('/').Trim()));
            string formula = WebUtility.HtmlDecode(Tag().Replace(Reference().Replace(Summary().Match(comment).Groups["text"].Value, "${name}"), ""));
            string folder = file == "AffineOp.cs" ? "Elementwise" : "Ops";
            var source = new OperatorSource($"Core/{folder}/{file}", formula.Trim(), text[match.Index..].Trim());
            foreach (Match type in Type().Matches(source.Code)) sources.TryAdd(type.Groups["name"].Value, source);
            foreach (Match name in Name().Matches(source.Code)) sources.TryAdd(name.Groups["name"].Value, source);
        }
        return sources;
    }

    /// <summary>The first type in a file that is not public, with its doc comment.</summary>
    [GeneratedRegex(@"(?<doc>(^///.*\n)+)internal (sealed class|readonly struct) ", RegexOptions.Multiline)]
    private static partial Regex Definition();

    [GeneratedRegex(@"^internal (sealed class|readonly struct) (?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex Type();

    [GeneratedRegex(@"(Operator\(|string Name => )""(?<name>\w+)""")]
    private static partial Regex Name();

    [GeneratedRegex("<summary>(?<text>.*?)</summary>")]
    private static partial Regex Summary();

    /// <summary>What is referred to is named.</summary>
    [GeneratedRegex(@"<(see cref|paramref name|see langword)=""(?<name>[^""]+)""\s*/>")]
    private static partial Regex Reference();

    [GeneratedRegex("<[^>]+>")]
    private static partial Regex Tag();
}
