using MiniDL.Examples.Output;
using MiniDL.Serialization;

namespace MiniDL.Examples.Training;

/// <summary>
/// What a run of <c>train</c> has on the disk: its settings, <c>metrics.csv</c> and its checkpoints. Rows are on the disk before the
/// checkpoint that counts on them, and the first checkpoint is written before the first step, so that there is no moment at which a kill
/// leaves a folder that can be neither gone on with nor begun anew.
/// </summary>
internal sealed class TrainFolder : IDisposable
{
    private const string Kind = "train", Metrics = "metrics.csv";

    private readonly RunFolder _folder;
    private readonly RunCheckpoints _checkpoints;
    private readonly List<EpochRecord> _epochs = [];
    private CsvFile? _rows;

    /// <summary>The checkpoint to go on from.</summary>
    private string? _from;

    private TrainFolder(RunFolder folder) => (_folder, _checkpoints) = (folder, new RunCheckpoints(folder));

    public string Path => _folder.Path;

    /// <summary>The finished epochs.</summary>
    public IReadOnlyList<EpochRecord> Epochs => _epochs;

    /// <summary>The epoch that <c>best.safetensors</c> is of.</summary>
    public EpochRecord? Best => _epochs.MinBy(epoch => epoch.Criterion);

    public string File(string name) => _folder.File(name);

    /// <summary>Makes the folder of a new run.</summary>
    /// <exception cref="MiniDLException">It cannot be written to, or holds results that would be lost.</exception>
    public static TrainFolder Begin(string? path, Trainer trainer, DataIdentity data, FileLayer? files = null)
    {
        var run = new TrainFolder(RunFolder.Create(path, Kind, files));
        try
        {
            run.RequireNothingToLose(trainer.Settings);
            run._checkpoints.DeleteNotBegun();
            run._folder.WriteConfig(Kind, trainer.Settings, data);
            run.Save(trainer);
            run.OpenRows(trainer.Settings);
            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    /// <summary>Opens the folder of an earlier run, given by itself or by a checkpoint in it.</summary>
    /// <exception cref="MiniDLException">It holds no run of train that can be gone on with.</exception>
    public static TrainFolder Open(string path, FileLayer? files = null)
    {
        bool isCheckpoint = System.IO.File.Exists(path);
        string folder = isCheckpoint ? System.IO.Path.GetDirectoryName(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path)))! : path;
        var run = new TrainFolder(RunFolder.Open(folder, Kind, files));
        try
        {
            run._from = isCheckpoint ? path : run._checkpoints.Newest;
            run.RequireRun();
            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    /// <summary>The settings of the run, and which images it began with.</summary>
    public (TrainSettings Settings, string? DataSha256) Settings => _folder.ReadSettings<TrainSettings>();

    /// <summary>How far the run had come when the checkpoint to go on from was written.</summary>
    public Position Reached => _checkpoints.Read(_from!).Position;

    /// <summary>Brings a new trainer to where the run was; it may train for more epochs than the run so far.</summary>
    /// <returns>What the user should know, a sentence each.</returns>
    /// <exception cref="MiniDLException">A file is damaged, or does not belong to the others.</exception>
    public IReadOnlyList<string> GoOn(Trainer trainer, DataIdentity data)
    {
        var state = _checkpoints.Load(_from!, trainer);
        var notices = new List<string>();
        TakeRows(MetricsFile.Of(trainer.Settings), state, notices);
        notices.AddRange(_checkpoints.SetAsideNewerThan(_from!).Select(path => $"A newer checkpoint is not used and is now {path}."));
        if (Settings.Settings != trainer.Settings) _folder.WriteConfig(Kind, trainer.Settings, data);
        OpenRows(trainer.Settings);
        return notices;
    }

    /// <summary>Adds a finished epoch; if it is the best so far, keeps its checkpoint.</summary>
    public void Add(EpochRecord epoch, Trainer trainer)
    {
        _rows!.Append(MetricsFile.Of(trainer.Settings).Row(epoch));
        bool isBest = Best is not { } best || epoch.Criterion < best.Criterion;
        _epochs.Add(epoch);
        // Before the next checkpoint: a run that goes on from there would not come by again.
        if (isBest) _checkpoints.SaveBest(trainer, _epochs);
    }

    /// <summary>Writes a checkpoint of where the trainer stands.</summary>
    public void Save(Trainer trainer) => _checkpoints.Save(trainer, _epochs);

    /// <summary>Writes the weights of the finished run.</summary>
    public void SaveModel(Trainer trainer) => _checkpoints.SaveModel(trainer);

    public void Dispose()
    {
        _rows?.Dispose();
        _folder.Dispose();
    }

    private void OpenRows(TrainSettings settings)
    {
        var file = MetricsFile.Of(settings);
        _rows = CsvFile.Create(File(Metrics), file.Header, _epochs.Select(file.Row), _folder.Files);
    }

    /// <summary>
    /// A run that was killed before its first checkpoint may begin again, and so may, with the same settings, one whose checkpoints are
    /// gone: its rows will be the same.
    /// </summary>
    private void RequireNothingToLose(TrainSettings settings)
    {
        _folder.RequireFree(Kind);
        if (_checkpoints.Newest is { } newest && _checkpoints.Read(newest).Position.HasBegun)
            throw new MiniDLException(
                $"{Path} holds a run already; go on with it ({ShellCommand.Given("resume", Path)}) or choose another --out.");
        if (_folder.Has(Metrics) && RowCount() > 0 && (!_folder.Has("config.json") || Settings.Settings != settings))
            throw new MiniDLException($"{Path} holds results of a run with other settings; choose another --out.");
    }

    private int RowCount() => System.IO.File.ReadLines(File(Metrics)).Skip(1).Count(line => line.Length > 0);

    private void RequireRun()
    {
        if (_folder.Kind == "compare")
            throw new MiniDLException(
                $"{Path} holds a comparison; it goes on with the same compare and {ShellCommand.Given("out", Path)}.");
        if (_from is null && _folder.Kind == Kind)
            throw new MiniDLException($"the run in {Path} has no checkpoint. Start it again with the same settings and "
                + $"{ShellCommand.Given("out", Path)}.");
        if (_from is null) throw new MiniDLException($"{Path} holds no run to go on with: there is no {File("checkpoint/last.safetensors")}.");
    }

    /// <summary>Takes the rows of the epochs that the checkpoint has; later ones are trained again.</summary>
    private void TakeRows(MetricsFile file, Checkpoint.State state, List<string> notices)
    {
        int reached = state.Position.Epoch;
        EpochRecord[] rows = _folder.Has(Metrics) ? file.Read(File(Metrics)) : [];
        // Earlier versions kept the rows in the file alone.
        var epochs = state.Epochs ?? rows.Take(reached).ToArray();
        if (epochs.Count != reached && (_folder.Has(Metrics) || state.Epochs is not null))
            throw new MiniDLException($"{File(Metrics)} has {epochs.Count} epochs, the checkpoint {reached}. {CsvRow.Remedy}");
        if (_folder.Has(Metrics) && !rows.Take(reached).Select(file.Row).SequenceEqual(epochs.Select(file.Row)))
            throw new MiniDLException($"{File(Metrics)} is not of this run: its first {reached} rows are not those that the checkpoint "
                + "knows. Restore it from a copy, or delete it: it is then written anew.");
        if (rows.Length > reached)
            notices.Add($"The checkpoint was written {state.Position}: what {Metrics} has of later epochs is trained again.");
        _epochs.AddRange(epochs);
    }
}
