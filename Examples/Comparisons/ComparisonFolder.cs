using MiniDL.Examples.Output;
using MiniDL.Examples.Training;
using MiniDL.Serialization;

namespace MiniDL.Examples.Comparisons;

/// <summary>
/// What a comparison has on the disk: <c>runs.csv</c>, <c>layers.csv</c> and <c>evaluation.csv</c>, to which every epoch of every
/// run adds, and a checkpoint of each run under way. Opened again, it keeps finished runs and what the checkpoints have
/// reached, of runs with exactly the settings of now. Safe from several threads.
/// </summary>
internal sealed class ComparisonFolder : IDisposable
{
    private const string Kind = "compare";

    private readonly Lock _gate = new();
    private readonly RunFolder _folder;
    private readonly ComparisonSettings _settings;
    private readonly IReadOnlyList<TrainSettings> _plan;
    private readonly List<ComparedEpoch> _epochs = [];
    private readonly List<ComparedLayer> _layers = [];
    private readonly List<ComparedEvaluation> _evaluations = [];
    private readonly HashSet<TrainSettings> _interrupted = [];
    private readonly List<string> _notices = [];
    private readonly CsvFile _runsFile, _layersFile, _evaluationsFile;

    /// <summary>Opens the folder and keeps of what is in it what need not be done again.</summary>
    /// <exception cref="MiniDLException">It holds something else, cannot be read, or another process is at work there.</exception>
    public ComparisonFolder(string? path, ComparisonSettings settings, DataIdentity data, IReadOnlyList<TrainSettings> plan,
        FileLayer? files = null)
    {
        (_settings, _plan) = (settings, plan);
        _folder = RunFolder.Create(path, Kind, files);
        try
        {
            _folder.RequireFree(Kind, "report.html", "summary.csv");
            if (_folder.Kind == Kind)
            {
                RequireSame(settings, data);
                Load();
            }
            _folder.WriteConfig(Kind, settings, data);
            _runsFile = Create("runs.csv", ComparedEpoch.Header, _epochs.Select(e => e.ToRow()));
            _layersFile = Create("layers.csv", ComparedLayer.Header, _layers.Select(l => l.ToRow()));
            _evaluationsFile = Create("evaluation.csv", ComparedEvaluation.Header, _evaluations.Select(e => e.ToRow()));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What the user should know of what was found in the folder, a sentence each.</summary>
    public IReadOnlyList<string> Notices => _notices;

    public string Path => _folder.Path;

    /// <summary>The epochs of finished runs, in the order of the plan.</summary>
    public ComparedEpoch[] FinishedEpochs
    {
        get
        {
            lock (_gate) return [.. InOrder(_epochs, e => e.Run).Where(e => IsFinished(e.Run))];
        }
    }

    /// <summary>The layers of <see cref="FinishedEpochs"/>.</summary>
    public ComparedLayer[] FinishedLayers
    {
        get
        {
            lock (_gate) return [.. InOrder(_layers, l => l.Run).Where(l => IsFinished(l.Run))];
        }
    }

    /// <summary>The evaluations of finished runs.</summary>
    public ComparedEvaluation[] Evaluations
    {
        get
        {
            lock (_gate) return [.. InOrder(_evaluations, e => e.Run)];
        }
    }

    public string File(string name) => _folder.File(name);

    /// <summary>The runs that are to be done.</summary>
    public TrainSettings[] ToDo() => [.. _plan.Where(run => !IsFinished(RunKey.Of(run)))];

    /// <summary>Brings the trainer of an interrupted run to where it was.</summary>
    public void Resume(Trainer trainer)
    {
        if (_interrupted.Contains(trainer.Settings)) Checkpoint.Load(CheckpointOf(RunKey.Of(trainer.Settings)), trainer);
    }

    /// <summary>Adds an epoch.</summary>
    /// <param name="evaluation">After the last one.</param>
    public void Add(ComparedEpoch epoch, EvaluationByStatistics? evaluation = null)
    {
        lock (_gate)
        {
            // The row of runs.csv comes last: it is what makes the epoch, and at its end the run, count.
            foreach (var layer in epoch.Probe.Layers.Select(layer => new ComparedLayer(epoch.Run, epoch.Epoch, layer)))
                Append(_layers, layer, _layersFile, layer.ToRow());
            if (evaluation is not null)
            {
                var row = new ComparedEvaluation(epoch.Run, evaluation);
                Append(_evaluations, row, _evaluationsFile, row.ToRow());
            }
            Append(_epochs, epoch, _runsFile, epoch.ToRow());
        }
    }

    /// <summary>Saves where a run stands; one that is finished needs no checkpoint any more.</summary>
    public void Save(Trainer trainer)
    {
        var run = RunKey.Of(trainer.Settings);
        string path = CheckpointOf(run);
        bool finished;
        lock (_gate) finished = IsFinished(run);
        _folder.RequireStillThere();
        if (finished) _folder.Files.Delete(path);
        else
        {
            _folder.Files.CreateFolder(_folder.CheckpointFolder);
            Checkpoint.Save(path, trainer, files: _folder.Files);
        }
    }

    /// <summary>Puts the rows of the tables in the order of the plan, whatever the order in which the runs ended.</summary>
    public void Sort()
    {
        void Write(string name, string header, IEnumerable<string> rows) => CsvFile.Write(File(name), header, rows, _folder.Files);

        _folder.RequireStillThere();
        Write("runs.csv", ComparedEpoch.Header, InOrder(_epochs, e => e.Run).Select(e => e.ToRow()));
        Write("layers.csv", ComparedLayer.Header, InOrder(_layers, l => l.Run).Select(l => l.ToRow()));
        Write("evaluation.csv", ComparedEvaluation.Header, InOrder(_evaluations, e => e.Run).Select(e => e.ToRow()));
    }

    public void Dispose()
    {
        // The constructor may have failed before they were opened.
        _runsFile?.Dispose();
        _layersFile?.Dispose();
        _evaluationsFile?.Dispose();
        _folder.Dispose();
    }

    private CsvFile Create(string name, string header, IEnumerable<string> rows) =>
        CsvFile.Create(File(name), header, rows, _folder.Files);

    private void RequireSame(ComparisonSettings settings, DataIdentity data)
    {
        var (saved, dataSha256) = _folder.ReadSettings<ComparisonSettings>();
        if (saved != settings)
            throw new MiniDLException(
                $"{Path} holds a comparison with other settings: {Json.Difference(saved, settings)}. Choose another --out.");
        TrainingData.RequireSame(Path, dataSha256, data);
    }

    private string CheckpointOf(RunKey run) => File($"checkpoint/{run.FileName}.safetensors");

    private bool IsFinished(RunKey run) => _epochs.Exists(e => e.Run == run && e.Ends(_settings.Epochs));

    /// <summary>Sorted by run as planned; runs of other plans stand before, in the order in which they came.</summary>
    private IEnumerable<T> InOrder<T>(IEnumerable<T> rows, Func<T, RunKey> runOf)
    {
        var places = _plan.Index().ToDictionary(p => RunKey.Of(p.Item), p => p.Index);
        return rows.OrderBy(row => places.GetValueOrDefault(runOf(row), -1));
    }

    private static void Append<T>(List<T> rows, T row, CsvFile file, string text)
    {
        rows.Add(row);
        file.Append(text);
    }

    private void Load()
    {
        if (!_folder.Has("runs.csv")) return;
        var runs = Read("runs.csv", ComparedEpoch.Header, ComparedEpoch.Parse).GroupBy(row => row.Run)
            .ToDictionary(run => run.Key, run => run.ToArray());
        foreach (var (run, rows) in runs)
            if (!rows.Select(row => row.Epoch).SequenceEqual(Enumerable.Range(1, rows.Length)))
            {
                runs.Remove(run);
                _notices.Add($"{run} is run anew: its rows in runs.csv, of which runs.csv.old is a copy, are not those of epochs 1, 2, 3, ….");
            }
        if (_notices.Count > 0) System.IO.File.Copy(File("runs.csv"), File("runs.csv.old"), overwrite: true);
        foreach (var rows in runs.Values)
            if (rows[^1].Ends(_settings.Epochs)) _epochs.AddRange(rows);
        KeepInterrupted(runs);
        var kept = _epochs.Select(e => (e.Run, e.Epoch)).ToHashSet();
        _layers.AddRange(Read("layers.csv", ComparedLayer.Header, ComparedLayer.Parse).Where(l => kept.Contains((l.Run, l.Epoch)))
            .DistinctBy(l => (l.Run, l.Epoch, l.Layer.Name)));
        _evaluations.AddRange(Read("evaluation.csv", ComparedEvaluation.Header, ComparedEvaluation.Parse)
            .Where(e => IsFinished(e.Run)).DistinctBy(e => e.Run));
    }

    /// <summary>Runs with a checkpoint, made with exactly these settings, go on from there unless they are finished.</summary>
    private void KeepInterrupted(Dictionary<RunKey, ComparedEpoch[]> runs)
    {
        if (!Directory.Exists(_folder.CheckpointFolder)) return;
        foreach (string path in Directory.GetFiles(_folder.CheckpointFolder, "*.safetensors").Order(StringComparer.Ordinal))
        {
            if (ReadCheckpoint(path) is not { } checkpoint) continue;
            var run = RunKey.Of(checkpoint.Settings);
            var reached = runs.GetValueOrDefault(run, []).Where(row => row.Epoch <= checkpoint.Position.Epoch).ToArray();
            if (IsFinished(run) || reached.Length != checkpoint.Position.Epoch || path != CheckpointOf(run)
                || checkpoint.Settings != SettingsOf(run)) continue;
            _epochs.AddRange(reached);
            _interrupted.Add(checkpoint.Settings);
        }
    }

    /// <summary>A checkpoint's state; null if it is damaged, in which case it is set aside and its run starts over.</summary>
    private Checkpoint.State? ReadCheckpoint(string path)
    {
        try
        {
            return Checkpoint.Read(path);
        }
        catch (MiniDLException e)
        {
            _folder.Files.Move(path, path + ".damaged");
            _notices.Add($"Its run starts over, and the file is now {System.IO.Path.GetFileName(path)}.damaged: {e.Message}");
            return null;
        }
    }

    /// <summary>The settings with which this comparison makes a run, of its plan or not.</summary>
    private TrainSettings SettingsOf(RunKey run) => _plan[0] with
    {
        Norm = run.Norm,
        BatchSize = run.BatchSize,
        Seed = run.Seed,
        LearningRate = OptimizerChoice.Named(_settings.Optimizer).ScaledRate(run.BatchSize, _settings.BaseLearningRate, _settings.BaseBatch),
    };

    private List<T> Read<T>(string name, string header, Func<CsvRow, T> parse)
    {
        string path = File(name);
        if (!_folder.Has(name)) return [];
        string first = CsvFile.FirstLine(path);
        if (first != header && first.StartsWith(RunKey.Columns, StringComparison.Ordinal))
            throw new MiniDLException($"{path} was written by another version, which has other columns. "
                + "Go on with that version, or choose another --out.");
        return [.. CsvFile.Read(path, header).Select(parse)];
    }
}
