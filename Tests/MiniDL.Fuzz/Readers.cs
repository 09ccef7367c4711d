using System.Text;
using MiniDL.Data;
using MiniDL.Data.Files;
using MiniDL.Examples;
using MiniDL.Examples.Comparisons;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;
using MiniDL.Optim;
using MiniDL.Serialization;
using MiniDL.Tests.Data;

namespace MiniDL.Fuzz;

/// <summary>Something that reads files from outside.</summary>
/// <param name="Samples">Good files, to be changed; the first is one that the reader accepts.</param>
/// <param name="Prepare">What becomes of a changed file before it is read: that of a tar archive is compressed.</param>
/// <param name="Read">Reads a file; returns when it is accepted and throws when it is refused.</param>
internal sealed record Reader(string Name, IReadOnlyList<byte[]> Samples, Func<byte[], byte[]> Prepare, Action<string> Read)
{
    /// <summary>What the file is called.</summary>
    public string FileName { get; init; } = Name;

    /// <summary>What it may take beside a multiple of the file: buffers, the runtime's first use of a method.</summary>
    public long FreeBytes { get; init; } = 1 << 20;
}

/// <summary>Every reader of files from outside, with files that the program itself has written.</summary>
internal static class Readers
{
    private static readonly ImageSet Cifar = TinySets.Cifar with { InputShape = [3, 4, 4] };

    public static IReadOnlyList<Reader> All(string folder)
    {
        var runs = new Samples(folder);
        const string settings = "config/config.json";
        var config = RunFolder.Create(Path.Combine(folder, "config"), "fuzz");
        byte[][] archives = [.. Samples.Tars(Cifar)];
        byte[][] idx = [.. TinySets.Digits.Files.Select(file => TinySets.Content(TinySets.Digits, file))];
        return
        [
            new("tar", archives, archive => TinySets.Gzip(WithChecksums(archive)), path => Images(Cifar, path)) { FileName = "cifar-10-binary.tar.gz" },
            new("tar.gz", [.. archives.Select(TinySets.Gzip)], Same, path => Images(Cifar, path)) { FileName = "cifar-10-binary.tar.gz" },
            .. DataFiles("bin", Cifar, Cifar.Files[0], Same, folder),
            .. DataFiles("idx-images", TinySets.Digits, TinySets.Digits.Files[0], Same, folder),
            .. DataFiles("idx-labels", TinySets.Digits, TinySets.Digits.Files[1], TinySets.Gzip, folder),
            new("safetensors", runs.Tensors, Same, path => SafeTensors.Load(path)),
            new("checkpoint", runs.Checkpoints, Same, path => Checkpoint.Read(path).Settings.Checked()),
            new("config.json", [runs.File("train/config.json")], Same, _ => config.ReadSettings<TrainSettings>().Settings.Checked()) { FileName = settings },
            new("comparison.json", [runs.File("compare/config.json")], Same, _ => config.ReadSettings<ComparisonSettings>()) { FileName = settings },
            Table("metrics.csv", "train", new MetricsFile(hasValidation: false).Header, new MetricsFile(hasValidation: false).Parse, runs),
            Table("runs.csv", "compare", ComparedEpoch.Header, ComparedEpoch.Parse, runs),
            Table("layers.csv", "compare", ComparedLayer.Header, ComparedLayer.Parse, runs),
            Table("evaluation.csv", "compare", ComparedEvaluation.Header, ComparedEvaluation.Parse, runs),
            new("schedule", [.. Samples.Schedules.Select(Encoding.UTF8.GetBytes)], Same, path => Schedule.Parse(File.ReadAllText(path)).Factor(0.5)),
            new("arguments", [.. Samples.Arguments.Select(Encoding.UTF8.GetBytes)], Same, Arguments)
            {
                // The parser of command lines makes objects for every argument.
                FreeBytes = 64 << 20,
            },
        ];
    }

    private static byte[] Same(byte[] bytes) => bytes;

    /// <summary>
    /// In three of four archives the headers get the checksums that they should have: after a wrong one nothing is looked at.
    /// </summary>
    private static byte[] WithChecksums(byte[] archive)
    {
        const int block = 512, place = 148, length = 8;
        int Sum(int start, int end) => archive[start..end].Sum(b => b);
        if (Sum(0, archive.Length) % 4 == 0) return archive;
        for (int start = 0; start + block <= archive.Length; start += block)
        {
            if (archive[start + 257] != 'u' && archive[start + 100] != '0') continue;
            int sum = Sum(start, start + place) + length * ' ' + Sum(start + place + length, start + block);
            Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(archive, start + place);
        }
        return archive;
    }

    private static void Images(ImageSet set, string path) =>
        ImageFiles.Load(set, new DatasetOptions { DataDirectory = path }, CancellationToken.None);

    /// <summary>One file of a set, the others of which are good.</summary>
    private static IEnumerable<Reader> DataFiles(string name, ImageSet set, DataFile file, Func<byte[], byte[]> prepare, string folder)
    {
        string place = Path.Combine(folder, name);
        TinySets.WriteFolder(set, place);
        yield return new Reader(name, [.. set.Files.OrderBy(f => f != file).Select(f => TinySets.Content(set, f))], prepare, _ => Images(set, place))
        {
            FileName = Path.Combine(name, file.Name),
        };
    }

    private static Reader Table<T>(string name, string run, string header, Func<CsvRow, T> parse, Samples samples) => new(
        name, [samples.File($"{run}/{name}")], Same, path => _ = CsvFile.Read(path, header).Select(parse).ToArray());

    /// <summary>The program itself; there is no run to go on with, so that it ends before it does any work.</summary>
    private static void Arguments(string path)
    {
        string[] args = ["train", "--resume", Path.Combine(path, "no", "run"), .. File.ReadAllText(path).Split(' ')];
        using var error = new StringWriter();
        int code = CommandLineProgram.Run(args, TextWriter.Null, error);
        if (code is not (1 or 2)) return;
        string message = error.ToString().TrimEnd('\n', '\r');
        if (message.Contains("This is a bug")) throw new InvalidOperationException(message);
        throw new MiniDLException(message);
    }
}
