using MiniDL.Data;
using MiniDL.Examples.Training;
using MiniDL.Layers;

namespace MiniDL.Examples.Options;

/// <summary>What to say about arguments that are none: which one it is, and what was probably meant.</summary>
internal static class Misread
{
    private static readonly string[] Switched = ["true", "false", "yes", "no", "on", "off", "1", "0"];

    /// <summary>A verb that there is not.</summary>
    public static string Verb(string given)
    {
        string meant = given.StartsWith('-') && HelpPage.HasOption(given.TrimStart('-'))
            ? $" The verb stands before its options: {HelpPage.Call} VERB {Quote.Text(given)}." : DidYouMean.Among(given, HelpPage.VerbList);
        return $"there is no verb '{Quote.Text(given)}'; choose one of {HelpPage.VerbNames}.{meant}";
    }

    /// <summary>An option that the verb does not have.</summary>
    /// <param name="given">As the parser has it: without its dashes, of <c>-epochs</c> the first letter alone.</param>
    public static string Option(Type verb, string[] args, string given)
    {
        string name = HelpPage.NameOf(verb);
        string? typed = Array.Find(args, arg => arg.Length > 2 && arg[0] == '-' && arg[1] != '-' && arg[1] == given[0]);
        string option = typed is null || given.Length > 1 ? given : typed.Split('=')[0][1..];
        string said = option == given ? $"{name} has no option '{Quote.Text(given)}'." : $"{name} has no option '-{Quote.Text(option)}'; options have two dashes.";
        string bare = option.TrimStart('-');
        if (HelpPage.ArgumentOf(verb) is { } argument && string.Equals(argument, bare, StringComparison.OrdinalIgnoreCase))
            return $"{said} It stands alone: {HelpPage.Call} {name} {argument}.";
        return said + DidYouMean.Among(bare, HelpPage.OptionsOf(verb), before: "--");
    }

    /// <summary>An argument that belongs to no option.</summary>
    public static string Extra(Type verb, string extra)
    {
        string said = $"'{Quote.Text(extra)}' belongs to no option;";
        string[] options = [.. HelpPage.OptionsOf(verb)];
        if (Switched.Contains(extra.ToLowerInvariant())) return $"{said} switches such as --quiet take no value, they are on where they are given.";
        if (extra == "help") return $"{said} --help shows what there is.";
        string[] parts = extra.Split('=', 2);
        if (parts.Length == 2 && DidYouMean.Among(parts[0], options, before: "--") is { Length: > 0 } hint)
            return $"{said} options have two dashes.{hint}";
        string? option = Array.Find(options, option => ValuesOf(option).Contains(extra));
        return option is null ? $"{said} lists are written with commas and without spaces."
            : $"{said} lists are written with commas and without spaces. Did you mean --{option} {extra}?";
    }

    private static IReadOnlyList<string> ValuesOf(string option) => option switch
    {
        "model" => Models.Names,
        "dataset" => Datasets.Names,
        "norm" or "norms" => NormFactory.Names,
        "device" => [.. DeviceKind.All.Select(kind => kind.Name)],
        _ => [],
    };
}
