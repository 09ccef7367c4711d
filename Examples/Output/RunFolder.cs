using System.Runtime.InteropServices;
using System.Text.Json;
using MiniDL.Serialization;

namespace MiniDL.Examples.Output;

/// <summary>
/// The folder that a program writes into, where things lie in it, and whose it is. As long as it is open no other process can open it.
/// </summary>
internal sealed class RunFolder : IDisposable
{
    private const string ConfigName = "config.json", ConfigRemedy = "Restore it from a copy, or choose another --out.";

    private readonly FolderLock _lock;

    private RunFolder(string path, string verb, FileLayer? files)
    {
        (Path, Files) = (path, files ?? FileLayer.System);
        _lock = FolderLock.Take(path, verb);
        try
        {
            foreach (string folder in new[] { path, CheckpointFolder })
                if (Directory.Exists(folder)) AtomicFile.DeleteLeftovers(folder);
        }
        catch
        {
            _lock.Dispose();
            throw;
        }
    }

    public string Path { get; }

    /// <summary>What everything is written through.</summary>
    public FileLayer Files { get; }

    public string CheckpointFolder => File("checkpoint");

    /// <summary>Makes the folder, by default <c>runs/VERB-TIME</c>, and sees that it can be written to.</summary>
    /// <param name="verb">What it is for: <c>train</c>.</param>
    /// <exception cref="MiniDLException">It cannot, or another process is at work there.</exception>
    public static RunFolder Create(string? path, string verb, FileLayer? files = null)
    {
        string wanted = path ?? System.IO.Path.Combine("runs", $"{verb}-{DateTime.Now:yyyyMMdd-HHmmss}");
        try
        {
            return path is null ? CreateUnused(wanted, verb, files) : CreateAt(wanted, verb, files);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new MiniDLException(
                $"cannot write to the output folder {wanted}: {e.Message.ReplaceLineEndings(" ")} Choose another one with --out DIR.", e);
        }
    }

    /// <summary>Opens a folder that is there.</summary>
    /// <exception cref="MiniDLException">There is none, it cannot be written to, or another process is at work there.</exception>
    public static RunFolder Open(string path, string verb, FileLayer? files = null)
    {
        if (!Directory.Exists(path)) throw new MiniDLException($"there is no run to go on with in {Quote.Visible(path)}: there is no such folder.");
        try
        {
            return new RunFolder(path, verb, files);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MiniDLException($"cannot write to {path}: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public bool Has(string name) => System.IO.File.Exists(File(name));

    /// <summary>What wrote the results that are here, as a call: <c>train</c>, <c>study deep-mlp</c>; null where there are none.</summary>
    /// <exception cref="MiniDLException">The config.json is damaged, or another program's.</exception>
    public string? Kind => Has(ConfigName)
        ? ReadConfig<JsonElement>().Verb ?? (Has("runs.csv") ? "compare" : "train")
        : Has("runs.csv") ? "compare" : Has("metrics.csv") ? "train" : null;

    /// <summary>Refuses the folder where something else than a call of this kind has left its results, or another program its files.</summary>
    /// <param name="written">Files that will be replaced.</param>
    /// <exception cref="MiniDLException">It is not free.</exception>
    public void RequireFree(string kind, params IEnumerable<string> written)
    {
        string? there = Kind;
        if (there == kind) return;
        string? what = there switch
        {
            null => written.FirstOrDefault(Has) is { } name ? $"a {name} that {kind} did not write" : null,
            "train" => "a run of train",
            "compare" => "a comparison",
            _ => $"the results of {Quote.Text(there)}",
        };
        if (what is not null) throw new MiniDLException($"{Path} holds {what}; choose another --out.");
    }

    /// <summary>To be called before what is irreplaceable is written: files of a deleted folder can be written to, and are lost.</summary>
    /// <exception cref="MiniDLException">The folder was deleted, or another one stands in its place.</exception>
    public void RequireStillThere()
    {
        if (!_lock.Holds)
            throw new MiniDLException($"{Path} was deleted or replaced during the run, which can save nothing there any more.");
    }

    /// <summary>Writes config.json: the settings, and what the run ran on.</summary>
    /// <param name="kind">As <see cref="Kind"/> will say.</param>
    /// <param name="data">What the images are, and where they came from.</param>
    public void WriteConfig<T>(string kind, T settings, DataIdentity? data = null) => AtomicFile.Write(File(ConfigName), stream =>
        JsonSerializer.Serialize(
            stream, new Config<T>(settings, data?.Source, Machine.Here) { Verb = kind, DataSha256 = data?.Sha256 }, Json.Indented),
        Files);

    /// <summary>The settings in config.json, and which images they were used with; null where an earlier version wrote it.</summary>
    /// <exception cref="MiniDLException">It is missing or cannot be read.</exception>
    public (T Settings, string? DataSha256) ReadSettings<T>()
    {
        var config = ReadConfig<T>();
        // The serializer cannot know whether a type parameter may be null.
        return (config.Settings ?? throw new MiniDLException($"{File(ConfigName)}: its settings are null. {ConfigRemedy}"), config.DataSha256);
    }

    public void Dispose() => _lock.Dispose();

    private static RunFolder CreateAt(string path, string verb, FileLayer? files)
    {
        (files ?? FileLayer.System).CreateFolder(path);
        return new RunFolder(path, verb, files);
    }

    /// <summary>The path, with a number after it if another run has taken it in the same second.</summary>
    private static RunFolder CreateUnused(string path, string verb, FileLayer? files)
    {
        for (int number = 1; ; number++)
        {
            string candidate = number == 1 ? path : $"{path}-{number}";
            if (Directory.Exists(candidate)) continue;
            try
            {
                return CreateAt(candidate, verb, files);
            }
            catch (FolderInUseException)
            {
                // Another process was faster.
            }
        }
    }

    private Config<T> ReadConfig<T>()
    {
        string path = File(ConfigName);
        if (!Has(ConfigName)) throw new MiniDLException($"there is no {path}. {ConfigRemedy}");
        return Json.ReadFile<Config<T>>(path, ConfigRemedy);
    }

    private sealed record Config<T>(T Settings, string? DataSource = null, Machine? Machine = null)
    {
        public string? Verb { get; init; }

        public string? DataSha256 { get; init; }
    }

    private sealed record Machine(
        string Version, string Runtime, string System, string Architecture, int Processors, int Threads)
    {
        public static Machine Here => new(
            typeof(Tensor).Assembly.GetName().Version!.ToString(3), RuntimeInformation.FrameworkDescription,
            RuntimeInformation.OSDescription, RuntimeInformation.ProcessArchitecture.ToString(),
            Environment.ProcessorCount, CpuThreads.Count);
    }
}

/// <summary>Which images a run uses.</summary>
/// <param name="Source">Where they came from, for people.</param>
/// <param name="Sha256">Of all their pixels and labels.</param>
internal sealed record DataIdentity(string Source, string Sha256);
