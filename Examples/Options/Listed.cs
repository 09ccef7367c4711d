using MiniDL.Data;
using MiniDL.Examples.Training;
using MiniDL.Layers;

namespace MiniDL.Examples.Options;

/// <summary>
/// Lists in help texts, made from the tables that the values come from: <c>{norms}</c> in a text becomes the names of all norms.
/// </summary>
internal static class Listed
{
    /// <summary>The text with its lists filled in.</summary>
    public static string In(string help)
    {
        foreach (var (place, names) in Places()) help = help.Replace($"{{{place}}}", Joined(names), StringComparison.Ordinal);
        return help;
    }

    /// <summary>a, b or c.</summary>
    private static string Joined(IReadOnlyList<string> names) => names.Count == 1 ? names[0] : $"{string.Join(", ", names.SkipLast(1))} or {names[^1]}";

    private static IEnumerable<(string Place, IReadOnlyList<string> Names)> Places() =>
    [
        ("norms", NormFactory.Names),
        ("norms with groups", [.. NormFactory.Names.Where(norm => NormFactory.Named(norm).HasGroups)]),
        ("models", Models.Names),
        ("toys", [.. ToyNet.All.Select(net => net.Name)]),
        ("datasets", Datasets.Names),
        ("optimizers", OptimizerChoice.Names),
    ];
}
