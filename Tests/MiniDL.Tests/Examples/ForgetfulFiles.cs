using MiniDL.Serialization;

namespace MiniDL.Tests.Examples;

/// <summary>
/// Files whose power is cut at a chosen step. What a disk may then have: bytes that were flushed, under names that were flushed (or, since a
/// disk may write more than it must, under all names). The real files are written as well; <see cref="Restore"/> makes a folder of what
/// would be left of them.
/// </summary>
internal sealed class ForgetfulFiles(int stepsUntilFailure = int.MaxValue) : FileLayer
{
    private readonly Lock _gate = new();

    /// <summary>The file that each path leads to now.</summary>
    private readonly Dictionary<string, Content> _names = [];

    /// <summary>Those that a disk has for certain, by folder.</summary>
    private readonly Dictionary<string, Dictionary<string, Content>> _flushedNames = [];

    /// <summary>How many steps there were.</summary>
    public int Steps { get; private set; }

    public override FileStream Create(string path)
    {
        Step();
        lock (_gate) _names[Full(path)] = new Content();
        return base.Create(path);
    }

    public override FileStream Append(string path)
    {
        Step();
        lock (_gate) _names.TryAdd(Full(path), new Content());
        return base.Append(path);
    }

    public override void Flush(FileStream file)
    {
        Step();
        base.Flush(file);
        lock (_gate)
        {
            using var reader = new FileStream(file.Name, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            byte[] bytes = new byte[reader.Length];
            reader.ReadExactly(bytes);
            _names[Full(file.Name)].Flushed = bytes;
        }
    }

    public override void Move(string from, string to)
    {
        Step();
        base.Move(from, to);
        lock (_gate)
        {
            _names[Full(to)] = _names[Full(from)];
            _names.Remove(Full(from));
        }
    }

    public override void Delete(string path)
    {
        Step();
        base.Delete(path);
        lock (_gate) _names.Remove(Full(path));
    }

    public override void FlushFolder(string path)
    {
        Step();
        base.FlushFolder(path);
        lock (_gate)
            _flushedNames[Full(path)] = _names.Where(name => Path.GetDirectoryName(name.Key) == Full(path)).ToDictionary();
    }

    /// <summary>Makes a folder as it would be found when the power is back.</summary>
    /// <param name="allNames">Whether the disk has also written the names that it was not told to flush.</param>
    public void Restore(string folder, string to, bool allNames)
    {
        Directory.CreateDirectory(to);
        var names = allNames ? _names : _flushedNames.Values.SelectMany(names => names).ToDictionary();
        foreach (var (path, content) in names)
        {
            string restored = Path.Combine(to, Path.GetRelativePath(Full(folder), path));
            Directory.CreateDirectory(Path.GetDirectoryName(restored)!);
            File.WriteAllBytes(restored, content.Flushed);
        }
    }

    private void Step()
    {
        lock (_gate)
            if (++Steps > stepsUntilFailure) throw new PowerFailure();
    }

    private static string Full(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    private sealed class Content
    {
        public byte[] Flushed { get; set; } = [];
    }
}

internal sealed class PowerFailure : Exception;
