using CommandLine;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Examples.Verbs;
using MiniDL.Serialization;

namespace MiniDL.Examples;

/// <summary>The whole program: arguments in, text out, an exit code back. Tests run it in their own process.</summary>
/// <remarks>Exit codes: 0 done, 1 failed (one line on the error stream), 2 used wrongly, 130 stopped by Ctrl-C.</remarks>
internal static class CommandLineProgram
{
    public static int Run(string[] args, TextWriter output, TextWriter error, CancellationToken stop = default)
    {
        args = [.. args.Select(argument => argument == "-h" ? "--help" : argument)];
        try
        {
            if (args is ["help", var topic, ..] && !topic.StartsWith('-') && HelpPage.FindVerb(topic) is null)
                throw new UsageException($"{Misread.Verb(topic)} Try '{HelpPage.Call} --help'.");
            if (args.Length > 0 && HelpPage.FindVerb(args[0]) is { } verb && HelpPage.OptionWithoutValue(verb, args) is { } option)
                throw new UsageException($"option {option} needs a value. Try '{HelpPage.Call} {args[0]} --help'.");
            if (args.Length > 0 && HelpPage.FindVerb(args[0]) is { } called && HelpPage.OptionWithoutNumber(called, args) is { } number)
                throw new UsageException($"{number}. Try '{HelpPage.Call} {args[0]} --help'.");
            using var parser = new Parser(settings => settings.HelpWriter = null);
            return parser.ParseArguments<TrainOptions, CompareOptions, StudyOptions, BenchOptions, ExplainOptions, DoctorOptions, DataOptions>(args).MapResult(
                (TrainOptions options) => new TrainVerb(options, TerminalOf(options)).Run(stop),
                (CompareOptions options) => new CompareVerb(options, TerminalOf(options)).Run(stop),
                (StudyOptions options) => new StudyVerb(options, TerminalOf(options)).Run(stop),
                (BenchOptions options) => new BenchVerb(options, TerminalOf(options)).Run(stop),
                (ExplainOptions options) => new ExplainVerb(options, TerminalOf(options)).Run(stop),
                (DoctorOptions options) => new DoctorVerb(options, TerminalOf(options)).Run(stop),
                (DataOptions options) => new DataVerb(options, TerminalOf(options)).Run(stop),
                errors => HelpOrUsage(args, errors.First(), output));
        }
        catch (UsageException e)
        {
            error.WriteLine($"error: {Quote.Line(e.Message)}");
            return ExitCodes.Usage;
        }
        catch (OperationCanceledException)
        {
            error.WriteLine("stopped.");
            return ExitCodes.Stopped;
        }
        catch (Exception e) when (Environment.GetEnvironmentVariable("MINIDL_DEBUG") is null or "" or "0")
        {
            bool expected = e is MiniDLException || FileLayer.IsFailure(e);
            string message = Quote.Line(e.Message);
            error.WriteLine(expected
                ? $"error: {message}"
                : $"error: {e.GetType().Name}: {message} This is a bug; run again with MINIDL_DEBUG=1 for the stack trace.");
            return ExitCodes.Failed;
        }

        Terminal TerminalOf(CommonOptions options)
        {
            options.Check();
            return new Terminal(output, error, options.Quiet);
        }
    }

    /// <summary>The option and its value as they were typed.</summary>
    private static string Given(string[] args, BadFormatConversionError problem)
    {
        string option = "--" + problem.NameInfo.LongName;
        int at = Array.FindIndex(args, a => a == option || a.StartsWith(option + "=", StringComparison.Ordinal));
        return at >= 0 && args[at] == option && at + 1 < args.Length ? $"{option} {Quote.Text(args[at + 1])}" : Quote.Text(args[Math.Max(at, 0)]);
    }

    /// <summary>What the parser calls errors: requests for help or the version, and arguments that it cannot read.</summary>
    private static int HelpOrUsage(string[] args, Error problem, TextWriter output)
    {
        switch (problem)
        {
            case VersionRequestedError:
                output.WriteLine($"minidl {typeof(Tensor).Assembly.GetName().Version?.ToString(3)}");
                return 0;
            case HelpVerbRequestedError { Type: { } verb }:
                HelpPage.WriteVerb(verb, output);
                return 0;
            case HelpRequestedError when HelpPage.FindVerb(args[0]) is { } verb:
                HelpPage.WriteVerb(verb, output);
                return 0;
            case HelpRequestedError or HelpVerbRequestedError:
                HelpPage.WriteOverview(output);
                return 0;
        }
        string help = HelpPage.FindVerb(args.FirstOrDefault("")) is null
            ? $"{HelpPage.Call} --help"
            : $"{HelpPage.Call} {args[0]} --help";
        throw new UsageException(problem switch
        {
            NoVerbSelectedError => $"what shall it do? Name a verb: {HelpPage.VerbNames}. Try '{help}'.",
            BadVerbSelectedError e => $"{Misread.Verb(e.Token)} Try '{help}'.",
            UnknownOptionError e => $"{Misread.Option(HelpPage.FindVerb(args[0])!, args, e.Token)} Try '{help}'.",
            BadFormatConversionError e =>
                $"{Given(args, e)} is not {HelpPage.KindOf(HelpPage.FindVerb(args[0])!, e.NameInfo.LongName)}. Try '{help}'.",
            RepeatedOptionError e => $"option --{e.NameInfo.LongName} is given twice.",
            _ => $"the arguments cannot be read ({problem.Tag}). Try '{help}'.",
        });
    }
}
