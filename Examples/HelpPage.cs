using System.Reflection;
using CommandLine;
using MiniDL.Examples.Options;
using MiniDL.Examples.Training;

namespace MiniDL.Examples;

/// <summary>The help texts, made from the attributes of the options.</summary>
internal static class HelpPage
{
    private const string Call = "dotnet run -c Release --project Examples --";

    private static readonly Type[] Verbs = [typeof(TrainOptions), typeof(CompareOptions), typeof(BenchOptions), typeof(DataOptions)];

    private static readonly string[] Sections = ["Comparison", "Benchmark", "Model", "Data", "Training", "Checkpoints", "General"];

    public static string VerbNames => string.Join(", ", Verbs.Select(verb => Describe(verb).Name));

    public static Type? FindVerb(string name) => Array.Find(Verbs, verb => Describe(verb).Name == name);

    public static void WriteOverview(TextWriter output)
    {
        output.WriteLine("MiniDL: train small networks on the CPU and see what normalization does.");
        output.WriteLine();
        output.WriteLine("usage: minidl VERB [options]      'minidl VERB --help' explains a verb");
        output.WriteLine();
        foreach (var verb in Verbs) output.WriteLine($"  {Describe(verb).Name,-10}{Describe(verb).HelpText}");
        output.WriteLine();
        output.WriteLine($"From the sources: {Call} VERB [options]");
    }

    public static void WriteVerb(Type verb, TextWriter output)
    {
        string values = string.Concat(Attributes<ValueAttribute>(verb).Where(v => !v.Attribute.Hidden).Select(v => $" [{v.Attribute.MetaName}]"));
        output.WriteLine($"minidl {Describe(verb).Name}: {Describe(verb).HelpText}");
        output.WriteLine();
        output.WriteLine($"usage: minidl {Describe(verb).Name}{values} [options]");
        foreach (var (_, value) in Attributes<ValueAttribute>(verb).Where(v => !v.Attribute.Hidden))
            output.WriteLine($"\n  {value.MetaName,-24}{value.HelpText}");
        foreach (var section in Attributes<OptionAttribute>(verb).GroupBy(option => option.Property.GetCustomAttribute<SectionAttribute>()!.Name)
                     .OrderBy(section => Array.IndexOf(Sections, section.Key)))
        {
            output.WriteLine();
            output.WriteLine($"{section.Key}:");
            foreach (var (property, option) in section)
                output.WriteLine($"  {$"--{option.LongName} {option.MetaValue}",-24}{option.HelpText}{DefaultOf(verb, property, option)}");
        }
        output.WriteLine();
        output.WriteLine("Examples:");
        foreach (var example in verb.GetCustomAttributes<ExampleAttribute>())
        {
            output.WriteLine($"  {example.Meaning}:");
            output.WriteLine($"    minidl {example.Arguments}");
        }
    }

    /// <summary>The first option that takes a value and has none; the parser overlooks one that stands last.</summary>
    public static string? OptionWithoutValue(Type verb, ReadOnlySpan<string> args)
    {
        for (int i = 1; i < args.Length; i++)
        {
            string name = args[i];
            bool takesValue = Attributes<OptionAttribute>(verb).Any(o => "--" + o.Attribute.LongName == name && o.Property.PropertyType != typeof(bool));
            if (takesValue && (i + 1 == args.Length || args[i + 1].StartsWith("--", StringComparison.Ordinal))) return name;
        }
        return null;
    }

    /// <summary>The default as the code has it: on the attribute, or in the settings that the verb starts from.</summary>
    private static string DefaultOf(Type verb, PropertyInfo property, OptionAttribute option)
    {
        object settings = verb == typeof(CompareOptions) ? CompareDefaults.Settings : new TrainSettings();
        object? value = option.Default ?? (option.HelpText.Contains("(default", StringComparison.Ordinal) || property.PropertyType == typeof(bool)
            ? null
            : typeof(TrainSettings).GetProperty(property.Name)?.GetValue(settings));
        return value is null ? "" : FormattableString.Invariant($" (default: {value})");
    }

    private static VerbAttribute Describe(Type verb) => verb.GetCustomAttribute<VerbAttribute>()!;

    private static IEnumerable<(PropertyInfo Property, T Attribute)> Attributes<T>(Type verb) where T : Attribute =>
        verb.GetProperties().Where(p => p.IsDefined(typeof(T))).OrderBy(p => DistanceFromRoot(p.DeclaringType!)).Select(p => (p, p.GetCustomAttribute<T>()!));

    /// <summary>What all verbs share comes first.</summary>
    private static int DistanceFromRoot(Type type) => type.BaseType is { } parent ? 1 + DistanceFromRoot(parent) : 0;
}
