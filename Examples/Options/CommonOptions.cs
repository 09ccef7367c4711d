using System.Globalization;
using CommandLine;
using MiniDL.Examples.Output;

namespace MiniDL.Examples.Options;

/// <summary>What every verb takes.</summary>
internal abstract class CommonOptions
{
    [Section("General")]
    [Option("threads", MetaValue = "N", HelpText = "CPU threads; results do not depend on them (default: all processors)")]
    public int? Threads { get; set; }

    [Section("General")]
    [Option("quiet", HelpText = "print nothing but errors; of bench the results too")]
    public bool Quiet { get; set; }

    /// <summary>Arguments that belong to no option; there must be none.</summary>
    [Value(1, Hidden = true)]
    public IEnumerable<string> Rest { get; set; } = [];

    /// <summary>Checks the values and applies those that hold for the whole program.</summary>
    /// <exception cref="UsageException">A value is out of its range.</exception>
    public virtual void Check()
    {
        if (Rest.FirstOrDefault() is { } extra)
            throw new UsageException(Misread.Extra(GetType(), extra));
        if (Threads is { } threads)
        {
            Require(threads is >= 1 and <= 1024, "threads", threads, "between 1 and 1024");
            CpuThreads.Count = threads;
        }
    }

    /// <summary>An empty name would stand for the current folder, which is hardly ever meant.</summary>
    protected static void RequireNamed(string option, string? folder)
    {
        if (folder is not null && string.IsNullOrWhiteSpace(folder))
            throw new UsageException($"--{option} is empty; name a folder (. for the current one).");
    }

    /// <summary>A file without a name is a mistake, such as that of a shell variable that is not set.</summary>
    protected static void RequireFile(string option, string? file)
    {
        if (file is not null && string.IsNullOrWhiteSpace(file)) throw new UsageException($"--{option} is empty; name a file.");
    }

    /// <summary>Options that take one of some names.</summary>
    /// <exception cref="UsageException">It is none of them.</exception>
    protected static void RequireKnown(string option, string? value, params string[] known)
    {
        if (value is not null && !known.Contains(value))
            throw new UsageException($"--{option} {Quote.Text(value)} must be {string.Join(", ", known[..^1])} or {known[^1]}.{DidYouMean.Among(value, known)}");
    }

    /// <summary>An option that would do nothing was hardly given for nothing.</summary>
    /// <param name="value">What was given; null where the option was not.</param>
    /// <param name="why">Ends the sentence that begins with the option.</param>
    protected static void RefuseWithoutEffect(bool useless, string option, object? value, string why)
    {
        if (useless && value is not (null or false))
            throw new UsageException($"{(value is true ? $"--{option}" : Quote.Text(ShellCommand.Given(option, value)))} {why}");
    }

    protected static void Require(bool condition, string option, object? value, string rule)
    {
        if (!condition) throw new UsageException($"--{option} {Quote.Text(Convert.ToString(value, CultureInfo.InvariantCulture))} must be {rule}.");
    }
}
