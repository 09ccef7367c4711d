using System.Globalization;
using CommandLine;
using MiniDL;
using MiniDL.Fuzz;

// Changes good files at random and gives them to their readers, which must accept or refuse them: with their own exception, soon, and
// without taking much more memory than the file has bytes.
//     dotnet run -c Release --project Tests/MiniDL.Fuzz -- --inputs 1000000
//     dotnet run -c Release --project Tests/MiniDL.Fuzz -- --reader tar --file INPUT      # repeats a failure
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
return Parser.Default.ParseArguments<FuzzOptions>(args).MapResult(Fuzz.Run, _ => 2);

internal sealed class FuzzOptions
{
    [Option("inputs", Default = 5_000, MetaValue = "N", HelpText = "inputs for each reader")]
    public int Inputs { get; set; }

    [Option("seed", Default = 0UL, MetaValue = "N", HelpText = "inputs of another seed are others")]
    public ulong Seed { get; set; }

    [Option("reader", MetaValue = "NAME", HelpText = "one reader alone (default: all)")]
    public string? Reader { get; set; }

    [Option("file", MetaValue = "FILE", HelpText = "an input that failed, for --reader to read again")]
    public string? File { get; set; }
}

internal static class Fuzz
{
    private const int MaxFailures = 5;

    public static int Run(FuzzOptions options)
    {
        string folder = Directory.CreateTempSubdirectory("minidl-fuzz-").FullName;
        try
        {
            var all = Readers.All(folder);
            var chosen = all.Where(reader => options.Reader is null || reader.Name == options.Reader).ToArray();
            if (chosen.Length == 0 || options.File is not null && options.Reader is null)
            {
                Console.Error.WriteLine($"name a reader with --reader: {string.Join(", ", all.Select(reader => reader.Name))}.");
                return 2;
            }
            Console.WriteLine($"{"reader",-16}{"inputs",10}{"accepted",10}{"refused",10}{"failures",10}{"slowest ms",12}{"most KiB",10}{"beyond/file",13}");
            int failures = 0;
            foreach (var reader in chosen) failures += Run(reader, options, Path.Combine(folder, reader.FileName));
            return failures == 0 ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int Run(Reader reader, FuzzOptions options, string path)
    {
        var mutator = new Mutator(reader.Samples, new RandomStream(options.Seed).Fork(reader.Name));
        byte[] input = [];
        using var trial = new Trial(problem =>
        {
            Report(reader, input, problem);
            Environment.Exit(1);
        });
        int accepted = 0, refused = 0, failures = 0;
        double slowest = 0, memory = 0;
        long bytes = 0;
        // The samples themselves come first, and the first one is good for this reader.
        int samples = options.File is null ? reader.Samples.Count : 0, count = options.File is null ? options.Inputs : 1;
        for (int i = -samples; i < count && failures < MaxFailures; i++)
        {
            input = i < 0 ? reader.Samples[samples + i] : options.File is { } file ? File.ReadAllBytes(file) : mutator.Input(i);
            var verdict = trial.Run(reader, input, path);
            string? failure = verdict.Failure;
            if (i == -samples && failure is null && !verdict.Accepted && reader.Name != "arguments") failure = "a good file was refused";
            if (failure is not null) Report(reader, input, failure);
            (accepted, refused, failures) = failure is not null ? (accepted, refused, failures + 1)
                : verdict.Accepted ? (accepted + 1, refused, failures) : (accepted, refused + 1, failures);
            (slowest, memory, bytes) = (Math.Max(slowest, verdict.Seconds), Math.Max(memory, verdict.MemoryRatio), Math.Max(bytes, verdict.Bytes));
        }
        Console.WriteLine($"{reader.Name,-16}{accepted + refused + failures,10}{accepted,10}{refused,10}{failures,10}{slowest * 1000,12:F0}{bytes / 1024,10}{memory,13:F2}");
        return failures;
    }

    private static void Report(Reader reader, byte[] input, string problem)
    {
        string path = Path.Combine(Path.GetTempPath(), $"minidl-fuzz-{reader.Name}-{Guid.NewGuid():N}");
        File.WriteAllBytes(path, input);
        Console.WriteLine($"FAIL {reader.Name}: {problem}");
        Console.WriteLine($"     again: dotnet run -c Release --project Tests/MiniDL.Fuzz -- --reader {reader.Name} --file {path}");
    }
}
