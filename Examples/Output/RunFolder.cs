using System.Runtime.InteropServices;
using System.Text.Json;
using MiniDL.Serialization;

namespace MiniDL.Examples.Output;

/// <summary>The folder that a run writes into, and where things lie in it.</summary>
internal sealed class RunFolder
{
    private RunFolder(string path) => Path = path;

    public string Path { get; }

    /// <summary>The checkpoint to go on from.</summary>
    public string Checkpoint => File("checkpoint/last.safetensors");

    public bool HasCheckpoint => System.IO.File.Exists(Checkpoint);

    /// <summary>Makes the folder, by default <c>runs/VERB-TIME</c>, and sees that it can be written to.</summary>
    /// <exception cref="MiniDLException">It cannot.</exception>
    public static RunFolder Create(string? path, string verb)
    {
        path ??= Unused(System.IO.Path.Combine("runs", $"{verb}-{DateTime.Now:yyyyMMdd-HHmmss}"));
        try
        {
            Directory.CreateDirectory(path);
            string probe = System.IO.Path.Combine(path, ".writable");
            System.IO.File.WriteAllBytes(probe, []);
            System.IO.File.Delete(probe);
            return new RunFolder(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new MiniDLException($"cannot write to the output folder {path}: {e.Message} Choose another one with --out DIR.", e);
        }
    }

    /// <summary>The path, with a number behind it if another run has taken it in the same second.</summary>
    private static string Unused(string path) => Enumerable.Range(1, int.MaxValue)
        .Select(number => number == 1 ? path : $"{path}-{number}").First(candidate => !Directory.Exists(candidate));

    /// <summary>A folder that an earlier run of train has made.</summary>
    /// <exception cref="MiniDLException">There is no checkpoint in it.</exception>
    public static RunFolder Open(string path)
    {
        var folder = new RunFolder(path);
        if (folder.Has("runs.csv"))
            throw new MiniDLException($"{path} holds a comparison; it goes on with the same compare and --out {path}.");
        return folder.HasCheckpoint
            ? folder
            : throw new MiniDLException($"{path} holds no run to go on with: there is no {folder.Checkpoint}.");
    }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public bool Has(string name) => System.IO.File.Exists(File(name));

    /// <summary>Writes config.json: the settings, and what the run ran on.</summary>
    public void WriteConfig<T>(T settings, string dataSource) => AtomicFile.Write(File("config.json"), stream =>
        JsonSerializer.Serialize(stream, new Config<T>(settings, dataSource, Machine.Here), Json.Indented));

    /// <summary>The settings in config.json.</summary>
    /// <exception cref="MiniDLException">It is missing or cannot be read.</exception>
    public T ReadConfig<T>()
    {
        const string remedy = "Restore it from a copy, or choose another --out.";
        string path = File("config.json");
        if (!System.IO.File.Exists(path)) throw new MiniDLException($"there is no {path}. {remedy}");
        // The serializer cannot know whether a type parameter may be null.
        return Json.Read<Config<T>>(System.IO.File.ReadAllText(path), path, remedy).Settings
            ?? throw new MiniDLException($"{path}: its settings are null. {remedy}");
    }

    private sealed record Config<T>(T Settings, string? DataSource = null, Machine? Machine = null);

    private sealed record Machine(
        string Version, string Runtime, string System, string Architecture, int Processors, int Threads)
    {
        public static Machine Here => new(
            typeof(Tensor).Assembly.GetName().Version!.ToString(3), RuntimeInformation.FrameworkDescription,
            RuntimeInformation.OSDescription, RuntimeInformation.ProcessArchitecture.ToString(),
            Environment.ProcessorCount, Cpu.Threads);
    }
}
