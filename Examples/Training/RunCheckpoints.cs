using MiniDL.Examples.Output;

namespace MiniDL.Examples.Training;

/// <summary>
/// The checkpoints of a run of <c>train</c>: <c>last.safetensors</c>, the two before it (<c>last-1</c>, <c>last-2</c>), <c>best</c>, and at
/// the end <c>model</c>, the weights alone.
/// </summary>
internal sealed class RunCheckpoints(RunFolder folder)
{
    private const int Kept = 3;

    /// <summary>Where the newest one was written; it need not be written again.</summary>
    private Position? _saved;

    /// <summary>The newest one; null where there is none. A kill may have left <c>last-1</c> without <c>last</c>.</summary>
    public string? Newest => Enumerable.Range(0, Kept).Select(Last).FirstOrDefault(File.Exists);

    public string Best => PathOf("best");

    /// <summary>Writes the newest checkpoint; those before it move by one place.</summary>
    /// <param name="epochs">Those that the run has finished.</param>
    public void Save(Trainer trainer, IReadOnlyList<EpochRecord> epochs)
    {
        folder.RequireStillThere();
        if (_saved == trainer.Position) return;
        folder.Files.CreateFolder(folder.CheckpointFolder);
        Checkpoint.Save(Last(0), trainer, epochs, folder.Files, beforeRename: MakeRoom);
        _saved = trainer.Position;
    }

    public void SaveBest(Trainer trainer, IReadOnlyList<EpochRecord> epochs)
    {
        folder.RequireStillThere();
        Checkpoint.Save(Best, trainer, epochs, folder.Files);
    }

    public void SaveModel(Trainer trainer)
    {
        folder.RequireStillThere();
        Checkpoint.SaveModel(PathOf("model"), trainer.Model, folder.Files);
    }

    /// <summary>Brings a new trainer to where one was written.</summary>
    /// <exception cref="MiniDLException">It belongs to other settings, or is damaged; the message names an older one that is whole.</exception>
    public Checkpoint.State Load(string path, Trainer trainer) => Checkpoint.Load(path, trainer, () => RemedyFor(path));

    /// <inheritdoc cref="Load"/>
    public Checkpoint.State Read(string path) => Checkpoint.Read(path, () => RemedyFor(path));

    /// <summary>Renames those that are newer than the one that the run goes on from, which will be made again.</summary>
    /// <returns>Their new paths.</returns>
    public IReadOnlyList<string> SetAsideNewerThan(string path)
    {
        int place = Enumerable.Range(0, Kept).FirstOrDefault(back => IsSame(Last(back), path), Kept);
        string[] newer = [.. Enumerable.Range(0, place).Select(Last).Where(File.Exists)];
        foreach (string old in newer) folder.Files.Move(old, old + ".unused");
        return [.. newer.Select(old => old + ".unused")];
    }

    /// <summary>Deletes what a run left that was stopped before its first step.</summary>
    public void DeleteNotBegun()
    {
        foreach (int back in Enumerable.Range(0, Kept)) folder.Files.Delete(Last(back));
    }

    private string RemedyFor(string path)
    {
        int place = Enumerable.Range(0, Kept).FirstOrDefault(back => IsSame(Last(back), path), Kept);
        foreach (int back in Enumerable.Range(place + 1, Math.Max(0, Kept - place - 1)))
            if (Describe(Last(back)) is { } where)
                return $"The one before it is whole, {where}: go on from there with --resume {ShellCommand.Quote(Last(back))}.";
        return "Restore it from a copy, or start anew with another --out.";
    }

    /// <summary>Where a checkpoint was written; null if it is missing or damaged.</summary>
    private static string? Describe(string path)
    {
        try
        {
            return File.Exists(path) ? $"{Checkpoint.Read(path).Position}" : null;
        }
        catch (MiniDLException)
        {
            return null;
        }
    }

    private void MakeRoom()
    {
        for (int back = Kept - 1; back > 0; back--)
            if (File.Exists(Last(back - 1))) folder.Files.Move(Last(back - 1), Last(back));
    }

    private string Last(int back) => PathOf(back == 0 ? "last" : $"last-{back}");

    private string PathOf(string name) => Path.Combine(folder.CheckpointFolder, name + ".safetensors");

    private static bool IsSame(string a, string b) => Path.GetFullPath(a) == Path.GetFullPath(b);
}
