using System.Numerics;
using System.Reflection;
using CommandLine;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Examples;

/// <summary>The help texts, made from the attributes of the options.</summary>
internal static class HelpPage
{
    /// <summary>What stands before the verb on a command line; a program of one file that calls this one has its own.</summary>
    public static readonly string Call = AppContext.GetData("EntryPointFilePath") is string file
        ? $"dotnet run {ShellCommand.Quote(Path.GetRelativePath(Environment.CurrentDirectory, file))} --"
        : "dotnet run -c Release --project Examples --";

    private static readonly Type[] Verbs =
        [typeof(TrainOptions), typeof(CompareOptions), typeof(StudyOptions), typeof(BenchOptions), typeof(ExplainOptions), typeof(DoctorOptions), typeof(DataOptions)];

    private static readonly string[] Sections = ["Comparison", "Study", "Benchmark", "Model", "Data", "Training", "Checkpoints", "General"];

    public static IEnumerable<string> VerbList => Verbs.Select(NameOf);

    public static string VerbNames => string.Join(", ", VerbList);

    /// <summary>The name of a verb, given by its options.</summary>
    public static string NameOf(Type verb) => Describe(verb).Name;

    /// <summary>The options of a verb, without dashes.</summary>
    public static IEnumerable<string> OptionsOf(Type verb) => Described<OptionAttribute>(verb).Select(option => option.Attribute.LongName);

    /// <summary>Whether any verb has the option.</summary>
    public static bool HasOption(string name) => Array.Exists(Verbs, verb => OptionsOf(verb).Contains(name));

    /// <summary>What a verb's argument that is no option stands for, as <c>DATASET</c>; null where it takes none.</summary>
    public static string? ArgumentOf(Type verb) =>
        Described<ValueAttribute>(verb).Where(argument => !argument.Attribute.Hidden).Select(argument => argument.Attribute.MetaName).FirstOrDefault();

    public static Type? FindVerb(string name) => Array.Find(Verbs, verb => Describe(verb).Name == name);

    public static void WriteOverview(TextWriter output)
    {
        output.WriteLine("MiniDL: train small networks on the CPU and see what normalization does.");
        output.WriteLine();
        output.WriteLine($"usage: {Call} VERB [options]");
        output.WriteLine();
        foreach (var verb in Verbs) output.WriteLine($"  {Describe(verb).Name,-10}{Describe(verb).HelpText}");
        output.WriteLine();
        output.WriteLine("VERB --help explains a verb; --version prints the version.");
    }

    public static void WriteVerb(Type verb, TextWriter output)
    {
        var arguments = Described<ValueAttribute>(verb).Where(argument => !argument.Attribute.Hidden).Select(a => a.Attribute).ToArray();
        output.WriteLine($"{Describe(verb).Name}: {Describe(verb).HelpText}");
        output.WriteLine();
        output.WriteLine($"usage: {Call} {Describe(verb).Name}{string.Concat(arguments.Select(a => $" [{a.MetaName}]"))} [options]");
        foreach (var argument in arguments) output.WriteLine($"\n  {argument.MetaName,-24}{Listed.In(argument.HelpText)}");
        foreach (var section in Described<OptionAttribute>(verb).GroupBy(SectionOf).OrderBy(s => Array.IndexOf(Sections, s.Key)))
        {
            output.WriteLine();
            output.WriteLine($"{section.Key}:");
            foreach (var (property, option) in section)
            {
                string name = $"--{option.LongName} {option.MetaValue}";
                output.WriteLine($"  {name,-24}{Listed.In(option.HelpText)}{DefaultOf(verb, property, option)}");
            }
        }
        var notes = verb.GetCustomAttributes<NoteAttribute>().ToArray();
        if (notes.Length > 0) output.WriteLine();
        foreach (var note in notes) output.WriteLine(note.Text);
        output.WriteLine();
        output.WriteLine("Examples:");
        foreach (var example in verb.GetCustomAttributes<ExampleAttribute>())
        {
            output.WriteLine($"  {example.Meaning}:");
            output.WriteLine($"    {Call} {example.Arguments}");
        }
    }

    /// <summary>The first option that takes a value and has none; the parser overlooks one that stands last.</summary>
    public static string? OptionWithoutValue(Type verb, ReadOnlySpan<string> args)
    {
        var withValue = Described<OptionAttribute>(verb).Where(option => option.Property.PropertyType != typeof(bool))
            .Select(option => "--" + option.Attribute.LongName).ToHashSet();
        for (int i = 1; i < args.Length; i++)
        {
            bool hasValue = i + 1 < args.Length && !args[i + 1].StartsWith("--", StringComparison.Ordinal);
            if (withValue.Contains(args[i]) && !hasValue) return args[i];
            if (args[i].EndsWith('=') && withValue.Contains(args[i][..^1])) return args[i][..^1];
        }
        return null;
    }

    /// <summary>The first option that is a number and has something else, as it was typed, and what to write; the parser is more lenient.</summary>
    public static string? OptionWithoutNumber(Type verb, ReadOnlySpan<string> args)
    {
        foreach (var (property, attribute) in Described<OptionAttribute>(verb))
        {
            if (NumberType(property.PropertyType) is not { } type) continue;
            string option = "--" + attribute.LongName;
            bool whole = type != typeof(double);
            for (int i = 1; i < args.Length; i++)
            {
                bool joined = args[i].StartsWith(option + "=", StringComparison.Ordinal);
                if (!joined && (args[i] != option || i + 1 == args.Length)) continue;
                string text = joined ? args[i][(option.Length + 1)..] : args[i + 1];
                if (NumberText.IsPlain(text, whole)) continue;
                string remedy = text.Length <= Quote.MaxLength && NumberText.Remedy(text, whole) is { } meant ? $": {meant}" : "";
                return $"{option}{(joined ? '=' : ' ')}{Quote.Text(text)} is not {KindOf(type)}{remedy}";
            }
        }
        return null;
    }

    /// <summary>What an option's values are: <c>a whole number</c>.</summary>
    public static string KindOf(Type verb, string option) =>
        KindOf(NumberType(Described<OptionAttribute>(verb).First(o => o.Attribute.LongName == option).Property.PropertyType) ?? typeof(double));

    /// <summary>The type of a number option, without its question mark; null for options of another kind.</summary>
    private static Type? NumberType(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type.GetInterfaces().Any(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(INumber<>)) ? type : null;
    }

    private static string KindOf(Type type)
    {
        return type == typeof(int) ? $"a whole number up to {int.MaxValue}"
            : type == typeof(ulong) ? $"a whole number from 0 to {ulong.MaxValue}"
            : "a number";
    }

    /// <summary>The default as the code has it: in the help text, on the attribute, or in the settings that the verb starts from.</summary>
    private static string DefaultOf(Type verb, PropertyInfo property, OptionAttribute option)
    {
        if (option.HelpText.Contains("(default", StringComparison.Ordinal) || property.PropertyType == typeof(bool)) return "";
        var settings = verb == typeof(CompareOptions) ? CompareDefaults.Settings : new TrainSettings();
        object? value = option.Default ?? typeof(TrainSettings).GetProperty(property.Name)?.GetValue(settings);
        return value is null ? "" : FormattableString.Invariant($" (default: {value})");
    }

    private static VerbAttribute Describe(Type verb) => verb.GetCustomAttribute<VerbAttribute>()!;

    private static string SectionOf((PropertyInfo Property, OptionAttribute) option) =>
        option.Property.GetCustomAttribute<SectionAttribute>()!.Name;

    /// <summary>The properties with such an attribute; what all verbs share comes first.</summary>
    private static IEnumerable<(PropertyInfo Property, T Attribute)> Described<T>(Type verb) where T : Attribute => verb.GetProperties()
        .OrderBy(property => DistanceFromRoot(property.DeclaringType!))
        .SelectMany(property => property.GetCustomAttributes<T>().Select(attribute => (property, attribute)));

    private static int DistanceFromRoot(Type type) => type.BaseType is { } parent ? 1 + DistanceFromRoot(parent) : 0;
}
