using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Comparisons;

/// <summary>
/// What a comparison has on disk: <c>runs.csv</c>, <c>layers.csv</c> and <c>evaluation.csv</c>, to which every epoch of every
/// run adds, and a checkpoint of each run under way. Opened again, it keeps finished runs and what the checkpoints have
/// reached. Safe from several threads.
/// </summary>
internal sealed class ComparisonFolder : IDisposable
{
    private readonly Lock _gate = new();
    private readonly RunFolder _folder;
    private readonly ComparisonSettings _settings;
    private readonly IReadOnlyList<TrainSettings> _plan;
    private readonly List<ComparedEpoch> _epochs = [];
    private readonly List<ComparedLayer> _layers = [];
    private readonly List<ComparedEvaluation> _evaluations = [];
    private readonly HashSet<TrainSettings> _interrupted = [];
    private readonly CsvFile _runsFile, _layersFile, _evaluationsFile;

    /// <summary>Opens the folder and keeps of what is in it what need not be done again.</summary>
    /// <exception cref="MiniDLException">It holds something else, or cannot be read.</exception>
    public ComparisonFolder(string? path, ComparisonSettings settings, string dataSource, IReadOnlyList<TrainSettings> plan)
    {
        (_settings, _plan) = (settings, plan);
        _folder = RunFolder.Create(path, "compare");
        if (_folder.Has("metrics.csv")) throw new MiniDLException($"{Path} holds a run of train; choose another --out.");
        if (_folder.Has("config.json") && _folder.ReadConfig<ComparisonSettings>() is var saved && saved != settings)
            throw new MiniDLException(
                $"{Path} holds a comparison with other settings: {Json.Difference(saved, settings)}. Choose another --out.");
        Load();
        _folder.WriteConfig(settings, dataSource);
        _runsFile = CsvFile.Create(File("runs.csv"), ComparedEpoch.Header, _epochs.Select(e => e.ToRow()));
        _layersFile = CsvFile.Create(File("layers.csv"), ComparedLayer.Header, _layers.Select(l => l.ToRow()));
        _evaluationsFile = CsvFile.Create(File("evaluation.csv"), ComparedEvaluation.Header, _evaluations.Select(e => e.ToRow()));
    }

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
        if (!finished) Checkpoint.Save(path, trainer);
        else if (System.IO.File.Exists(path)) System.IO.File.Delete(path);
    }

    /// <summary>Closes the tables, their rows in the order of the plan whatever the order in which the runs ended.</summary>
    public void Dispose()
    {
        _runsFile.Dispose();
        _layersFile.Dispose();
        _evaluationsFile.Dispose();
        CsvFile.Write(File("runs.csv"), ComparedEpoch.Header, InOrder(_epochs, e => e.Run).Select(e => e.ToRow()));
        CsvFile.Write(File("layers.csv"), ComparedLayer.Header, InOrder(_layers, l => l.Run).Select(l => l.ToRow()));
        CsvFile.Write(File("evaluation.csv"), ComparedEvaluation.Header, InOrder(_evaluations, e => e.Run).Select(e => e.ToRow()));
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
        var rows = Read("runs.csv", ComparedEpoch.Header, ComparedEpoch.Parse);
        foreach (var run in rows.GroupBy(row => row.Run))
            if (run.Last().Ends(_settings.Epochs)) _epochs.AddRange(run);
        KeepInterrupted(rows);
        var kept = _epochs.Select(e => (e.Run, e.Epoch)).ToHashSet();
        _layers.AddRange(Read("layers.csv", ComparedLayer.Header, ComparedLayer.Parse).Where(l => kept.Contains((l.Run, l.Epoch))));
        _evaluations.AddRange(Read("evaluation.csv", ComparedEvaluation.Header, ComparedEvaluation.Parse)
            .Where(e => IsFinished(e.Run)));
    }

    /// <summary>Runs with a checkpoint go on from there, unless they are finished.</summary>
    private void KeepInterrupted(List<ComparedEpoch> rows)
    {
        string folder = File("checkpoint");
        if (!Directory.Exists(folder)) return;
        foreach (string path in Directory.GetFiles(folder, "*.safetensors").Order(StringComparer.Ordinal))
        {
            var checkpoint = Checkpoint.Read(path);
            var run = RunKey.Of(checkpoint.Settings);
            var reached = rows.Where(row => row.Run == run && row.Epoch <= checkpoint.Position.Epoch).ToArray();
            if (IsFinished(run) || reached.Length != checkpoint.Position.Epoch || path != CheckpointOf(run)) continue;
            _epochs.AddRange(reached);
            _interrupted.Add(checkpoint.Settings);
        }
    }

    private List<T> Read<T>(string name, string header, Func<CsvRow, T> parse)
    {
        string path = File(name);
        if (!_folder.Has(name)) return [];
        string first = System.IO.File.ReadLines(path).FirstOrDefault("");
        if (first != header && first.StartsWith(RunKey.Columns, StringComparison.Ordinal))
            throw new MiniDLException($"{path} was written by another version, which has other columns. "
                + "Go on with that version, or choose another --out.");
        return [.. CsvFile.Read(path, header).Select(parse)];
    }
}
