using System.Diagnostics;
using MiniDL.Data;
using MiniDL.Examples.Comparisons;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Examples.Studies;
using MiniDL.Examples.Training;
using MiniDL.Serialization;
using Spectre.Console;

namespace MiniDL.Examples.Verbs;

/// <summary>
/// <c>compare</c>: norms × batch sizes × seeds, the learning rate proportional to the batch, the same number of epochs. Runs that
/// are in <c>runs.csv</c> already are not done again; those that were interrupted go on from their checkpoints.
/// </summary>
/// <param name="files">What files are written through; the file system by default.</param>
internal sealed class CompareVerb(CompareOptions options, Terminal terminal, FileLayer? files = null)
{
    private readonly Lock _console = new();
    private int _finished;

    public int Run(CancellationToken stop)
    {
        var plan = Plan();
        var common = ComparisonSettings.Of(plan[0], options.BaseLearningRate, options.BaseBatch);
        var data = TrainingData.Load(common.Dataset, options.DataOptions(plan[0]), terminal, stop);
        // Made once before anything is written: what does not fit is said now, not after an hour.
        foreach (var settings in plan.DistinctBy(s => (s.Norm, s.BatchSize))) _ = new Trainer(settings, data.Train, data.Test);
        using var folder = new ComparisonFolder(options.Out, common, TrainingData.Identify(data), plan, files);
        foreach (string notice in folder.Notices) terminal.Line(notice);
        var todo = folder.ToDo();
        _finished = plan.Length - todo.Length;
        var schedule = new RunSchedule(todo, options.Parallel);
        terminal.Line($"{common.Model} on {data.Train.Count:N0} {StudyContext.ImagesOf(common.Dataset)} ({data.Source}), {Counted.Of(common.Epochs, "epoch")}: "
            + $"{Counted.Of(plan.Length, "run")}, {(_finished > 0 ? $"{_finished} of them done already, " : "")}{schedule.Description}; "
            + $"{Counted.Of(CpuThreads.Count, "thread")}; into {folder.Path}");
        try
        {
            terminal.WithProgressOfParts("compare", todo.Sum(Work), bars => schedule.Execute((run, stopped) =>
            {
                // Runs side by side on a GPU are on streams of their own, which end with their memory.
                using var device = DeviceChoice.Open(run.Device, run.Precision).NewStream();
                var trainer = new Trainer(run, data.Train, data.Test, device: device);
                folder.Resume(trainer);
                using var bar = bars.Begin($"{RunKey.Of(run)}", Work(run));
                void Show(StepReport step)
                {
                    schedule.TakeShare();
                    bar.Report(Work(run) * step.Step / trainer.TotalSteps, $"{RunKey.Of(run)}  {step}");
                }
                Train(trainer, new Probe(trainer, data.Train, data.Test), folder, Show, plan.Length, stopped);
            }, stop));
        }
        catch (OperationCanceledException)
        {
            Summarize(folder, common, data);
            terminal.Line($"stopped; this goes on: {options.CommandLine(common).Option("out", folder.Path)}");
            return ExitCodes.Stopped;
        }
        catch
        {
            // What is known of the runs is shown all the same; should that fail too, the first error is the one to report.
            FirstError.AfterIt(() => Summarize(folder, common, data));
            throw;
        }
        Summarize(folder, common, data);
        return 0;
    }

    /// <summary>Every run: all norms and batch sizes with the first seed, then with the next.</summary>
    private TrainSettings[] Plan()
    {
        string[] norms = ListOption.Names("norms", options.Norms);
        int[] sizes = [.. ListOption.Counts("batch-sizes", options.BatchSizes).OrderDescending()];
        ulong first = options.Seed ?? 0;
        return options.Fitting([.. from seed in Enumerable.Range(0, options.Seeds)
                                   from size in sizes
                                   from norm in norms
                                   select options.SettingsOf(norm, size, first + (ulong)seed)], lists: true);
    }

    private void Train(
        Trainer trainer, Probe probe, ComparisonFolder folder, Action<StepReport> progress, int runs, CancellationToken stop)
    {
        var run = RunKey.Of(trainer.Settings);
        var clock = Stopwatch.StartNew();
        try
        {
            foreach (var epoch in trainer.Run(progress, stop))
            {
                bool last = epoch.Epoch == trainer.Settings.Epochs;
                var row = ComparedEpoch.Of(run, epoch) with { Probe = probe.Measure() };
                folder.Add(row, last ? probe.Evaluate(new Score(epoch.TestLoss, epoch.TestError)) : null);
                folder.Save(trainer);
                if (last)
                    Finished(run, runs, $"train loss {row.TrainLoss:F3}  error {row.TrainError,5:F2} %   "
                        + $"test error {row.TestError,5:F2} %   {clock.Elapsed.TotalSeconds:F1} s");
            }
        }
        catch (DivergedException e)
        {
            folder.Add(ComparedEpoch.Of(run, EpochRecord.Of(e)));
            folder.Save(trainer);
            Finished(run, runs, $"diverged: {e.Advice("--base-lr", options.BaseLearningRate)}");
        }
        catch (OperationCanceledException)
        {
            folder.Save(trainer);
            throw;
        }
        // The next batch size has no use for storage of this one's sizes.
        trainer.Device.Backend.TrimPool();
    }

    private void Finished(RunKey run, int runs, string result)
    {
        lock (_console) terminal.Line($"{$"{run} ({++_finished}/{runs})",-34} {result}");
    }

    /// <summary>Writes the report of the runs that are finished.</summary>
    private void Summarize(ComparisonFolder folder, ComparisonSettings settings, DataSplit data)
    {
        folder.Sort();
        var epochs = folder.FinishedEpochs;
        if (epochs.Length == 0) return;
        var report = ComparisonReport.Of(
            settings, data.Source, data.Test, options.CommandLine(settings).ToString(), epochs, folder.FinishedLayers, folder.Evaluations);
        report.Save(folder.Path);
        terminal.Write(SummaryTable(SummaryRow.Of(epochs)));
        foreach (var finding in report.Findings) terminal.Line($"{finding}");
        terminal.Line($"the page: {folder.File("report.html")}; pictures (error_vs_batch_size.png and more) and numbers (.csv) "
            + "beside it");
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

    /// <summary>Roughly how long a run takes: a step costs about as much as two images more.</summary>
    private static double Work(TrainSettings settings) => settings.Epochs * (1 + 2.0 / settings.BatchSize);
}
