using System.Diagnostics;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Examples.Plots;
using MiniDL.Examples.Training;
using Spectre.Console;

namespace MiniDL.Examples.Verbs;

/// <summary>
/// <c>compare</c>: norms × batch sizes × seeds, the learning rate proportional to the batch, the same number of epochs. Runs that
/// are in <c>runs.csv</c> already are not done again; one that was interrupted goes on from its checkpoint.
/// </summary>
internal sealed class CompareVerb(CompareOptions options, Terminal terminal)
{
    private readonly List<ComparedEpoch> _epochs = [];
    private TrainSettings? _interrupted;

    public int Run(CancellationToken stop)
    {
        var plan = Plan();
        var common = ComparisonSettings.Of(plan[0], options.BaseLearningRate, options.BaseBatch);
        var data = TrainingData.Load(common.Dataset, options.DataOptions(plan[0]), terminal, stop);
        // Made once before anything is written: what does not fit is said now, not after an hour.
        foreach (var settings in plan.DistinctBy(s => (s.Norm, s.BatchSize))) _ = new Trainer(settings, data.Train, data.Test);
        var folder = OpenFolder(common, data.Source);
        // The interrupted run comes first: the next one to end an epoch takes the place of its checkpoint.
        var todo = plan.Where(settings => !_epochs.Exists(e => e.Run == RunOf(settings) && IsFinished(e, common.Epochs)))
            .OrderByDescending(settings => settings == _interrupted).ToArray();
        terminal.Line($"{common.Model} on {data.Train.Count:N0} images ({data.Source}), {common.Epochs} epochs: {plan.Length} runs, "
            + $"{plan.Length - todo.Length} of them done already; {Cpu.Threads} threads; into {folder.Path}");
        try
        {
            using var runs = CsvFile.Create(folder.File("runs.csv"), ComparedEpoch.Header, _epochs.Select(e => e.ToRow()));
            terminal.WithProgress("compare", todo.Sum(Work), report =>
            {
                double done = 0;
                foreach (var (index, settings) in todo.Index())
                {
                    var trainer = new Trainer(settings, data.Train, data.Test);
                    int number = plan.Length - todo.Length + index + 1;
                    string name = $"{settings.Norm}, batch {settings.BatchSize}, seed {settings.Seed} ({number}/{plan.Length})";
                    void Show(StepReport step) => report(done + Work(settings) * step.Step / trainer.TotalSteps, $"{name}  {step}");
                    Train(trainer, folder, runs, name, Show, stop);
                    done += Work(settings);
                    // The next batch size has no use for storage of this one's sizes.
                    trainer.Device.Backend.TrimPool();
                }
            });
            return 0;
        }
        catch (OperationCanceledException)
        {
            terminal.Line($"stopped; the same command with --out {folder.Path} goes on.");
            return 130;
        }
        finally
        {
            Summarize(folder, common);
        }
    }

    /// <summary>Every run: all norms and batch sizes with the first seed, then with the next.</summary>
    private TrainSettings[] Plan()
    {
        string[] norms = ListOption.Names("norms", options.Norms);
        int[] sizes = [.. ListOption.Counts("batch-sizes", options.BatchSizes).OrderDescending()];
        ulong first = options.Seed ?? 0;
        return [.. from seed in Enumerable.Range(0, options.Seeds)
                   from size in sizes
                   from norm in norms
                   select options.SettingsOf(norm, size, first + (ulong)seed).Checked()];
    }

    /// <summary>Opens the folder and keeps of its <c>runs.csv</c> what need not be done again.</summary>
    private RunFolder OpenFolder(ComparisonSettings settings, string dataSource)
    {
        var folder = RunFolder.Create(options.Out, "compare");
        if (folder.Has("metrics.csv")) throw new MiniDLException($"{folder.Path} holds a run of train; choose another --out.");
        if (folder.Has("config.json") && folder.ReadConfig<ComparisonSettings>() is var saved && saved != settings)
            throw new MiniDLException(
                $"{folder.Path} holds a comparison with other settings: {Json.Difference(saved, settings)}. Choose another --out.");
        folder.WriteConfig(settings, dataSource);
        if (!folder.Has("runs.csv")) return folder;
        var rows = CsvFile.Read(folder.File("runs.csv"), ComparedEpoch.Header).Select(ComparedEpoch.Parse).ToArray();
        _epochs.AddRange(rows.GroupBy(row => row.Run).Where(run => IsFinished(run.Last(), settings.Epochs)).SelectMany(run => run));
        if (File.Exists(folder.Checkpoint)) KeepInterrupted(Checkpoint.Read(folder.Checkpoint), rows);
        return folder;
    }

    /// <summary>The run that the checkpoint belongs to goes on from there, unless it is finished.</summary>
    private void KeepInterrupted(Checkpoint.State checkpoint, ComparedEpoch[] rows)
    {
        var settings = checkpoint.Settings;
        if (_epochs.Exists(row => row.Run == RunOf(settings))) return;
        var reached = rows.Where(row => row.Run == RunOf(settings) && row.Epoch <= checkpoint.Position.Epoch).ToArray();
        if (reached.Length != checkpoint.Position.Epoch) return;
        _epochs.AddRange(reached);
        _interrupted = settings;
    }

    private void Train(
        Trainer trainer, RunFolder folder, CsvFile runs, string name, Action<StepReport> progress, CancellationToken stop)
    {
        if (trainer.Settings == _interrupted) Checkpoint.Load(folder.Checkpoint, trainer);
        var clock = Stopwatch.StartNew();
        void Add(ComparedEpoch epoch)
        {
            _epochs.Add(epoch);
            runs.Append(epoch.ToRow());
        }
        try
        {
            foreach (var epoch in trainer.Run(progress, stop))
            {
                Add(ComparedEpoch.Of(trainer.Settings, epoch));
                Checkpoint.Save(folder.Checkpoint, trainer);
            }
            var last = _epochs[^1];
            terminal.Line($"{name,-34} train loss {last.TrainLoss:F3}  "
                + $"error {last.TrainError,5:F2} %   test error {last.TestError,5:F2} %   {clock.Elapsed.TotalSeconds:F1} s");
        }
        catch (DivergedException e)
        {
            Add(ComparedEpoch.Of(trainer.Settings, EpochRecord.Of(e)));
            terminal.Line($"{name,-34} diverged: {e.Advice("--base-lr", options.BaseLearningRate)}");
        }
        catch (OperationCanceledException)
        {
            Checkpoint.Save(folder.Checkpoint, trainer);
            throw;
        }
    }

    /// <summary>Writes the summary and the figures of the runs that are finished.</summary>
    private void Summarize(RunFolder folder, ComparisonSettings settings)
    {
        var finished = _epochs.GroupBy(e => e.Run).Where(run => IsFinished(run.Last(), settings.Epochs)).ToArray();
        if (finished.Length == 0) return;
        var summary = SummaryRow.From(finished.Select(run => run.Last()));
        CsvFile.Write(folder.File("summary.csv"), SummaryRow.Header, summary.Select(row => row.ToRow()));
        string title = $"{settings.Model} on {settings.Dataset}, {settings.Epochs} epochs";
        ErrorVsBatchSize.Save(folder.File("error_vs_batch_size"), title, summary);
        ComparedCurves.Save(folder.File("training_curves"), [.. finished.SelectMany(run => run)]);
        terminal.Write(SummaryTable(summary));
        terminal.Line($"figure: {folder.File("error_vs_batch_size.png")} (and .svg); numbers: summary.csv and runs.csv beside it");
    }

    private static Table SummaryTable(SummaryRow[] summary)
    {
        int[] sizes = [.. summary.Select(row => row.BatchSize).Distinct().OrderDescending()];
        var table = new Table().Border(TableBorder.Rounded);
        table.AddColumn("test error (%) at batch size");
        foreach (int size in sizes) table.AddColumn(new TableColumn($"{size}") { Alignment = Justify.Right });
        foreach (var norm in summary.GroupBy(row => row.Norm))
            table.AddRow([norm.Key, .. sizes.Select(size => Cell(norm.FirstOrDefault(row => row.BatchSize == size)))]);
        return table;
    }

    private static string Cell(SummaryRow? row) => row switch
    {
        null => "",
        { TestErrorMean: double.NaN } => "diverged",
        { Seeds: 1 } => $"{row.TestErrorMean:F2}",
        _ => $"{row.TestErrorMean:F2} ± {row.TestErrorStd:F2}",
    };

    private static (string Norm, int BatchSize, ulong Seed) RunOf(TrainSettings settings) =>
        (settings.Norm, settings.BatchSize, settings.Seed);

    private static bool IsFinished(ComparedEpoch last, int epochs) => last.Epoch == epochs || last.Diverged;

    /// <summary>Roughly how long a run takes: a step costs about as much as two images more.</summary>
    private static double Work(TrainSettings settings) => settings.Epochs * (1 + 2.0 / settings.BatchSize);
}
