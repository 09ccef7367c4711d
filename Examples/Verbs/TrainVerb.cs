using System.Globalization;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Examples.Plots;
using MiniDL.Examples.Training;
using Spectre.Console;

namespace MiniDL.Examples.Verbs;

/// <summary><c>train</c>: one model, from settings to metrics, curves and checkpoint.</summary>
internal sealed class TrainVerb(TrainOptions options, Terminal terminal)
{
    private readonly List<EpochRecord> _records = [];

    public int Run(CancellationToken stop)
    {
        var resumed = options.Resume is null ? null : RunFolder.Open(options.Resume);
        var settings = resumed is null ? options.ApplyTo(new TrainSettings()).Checked() : ResumedSettings(resumed);
        options.Fitting([settings], lists: false);
        var data = TrainingData.Load(settings.Dataset, options.DataOptions(settings), terminal, stop);
        var trainer = new Trainer(settings, data.Train, data.Test);
        if (resumed is not null) Resume(resumed, trainer);
        var folder = resumed ?? NewFolder(settings, data.Source);
        terminal.Line($"{settings.Model} with {settings.Norm}, {Counted.Of(trainer.Model.ParameterCount, "parameter")}, "
            + $"on {Counted.Of(data.Train.Count, "image")} ({data.Source}), {Counted.Of(settings.Epochs, "epoch")} of {Counted.Of(trainer.StepsPerEpoch, "step")}"
            + $"{(trainer.Position.Epoch > 0 ? $", {trainer.Position.Epoch} of them done already" : "")}; "
            + $"{Counted.Of(Cpu.Threads, "thread")}; into {folder.Path}");

        using var metrics = CsvFile.Create(folder.File("metrics.csv"), MetricsFile.Header, _records.Select(MetricsFile.Row));
        try
        {
            terminal.WithProgress(settings.Model, trainer.TotalSteps, report => Train(trainer, folder, metrics, report, stop));
            Checkpoint.SaveModel(folder.File("checkpoint/model.safetensors"), trainer.Model);
            return 0;
        }
        catch (DivergedException e)
        {
            throw new MiniDLException(e.Advice("--lr", settings.LearningRate), e);
        }
        catch (OperationCanceledException)
        {
            Checkpoint.Save(folder.Checkpoint, trainer);
            terminal.Line($"stopped in epoch {trainer.Position.Epoch + 1}; "
                + $"go on with: {HelpPage.Call} train --resume {folder.Path}");
            return 130;
        }
        finally
        {
            Summarize(folder, settings);
        }
    }

    private void Train(
        Trainer trainer, RunFolder folder, CsvFile metrics, Action<double, string> report, CancellationToken stop)
    {
        foreach (var epoch in trainer.Run(Show, stop))
        {
            _records.Add(epoch);
            metrics.Append(MetricsFile.Row(epoch));
            bool last = epoch.Epoch == trainer.Settings.Epochs;
            if (last || epoch.Epoch % options.CheckpointEvery == 0) Checkpoint.Save(folder.Checkpoint, trainer);
            terminal.Line($"epoch {epoch.Epoch,3}/{trainer.Settings.Epochs}  "
                + $"train loss {epoch.TrainLoss:F4}  error {epoch.TrainError,5:F2} %   "
                + $"test loss {epoch.TestLoss:F4}  error {epoch.TestError,5:F2} %   "
                + $"lr {Rate(trainer, epoch.LearningRate)}  {epoch.ImagesPerSecond,5:F0} images/s  {epoch.Seconds:F1} s");
        }

        void Show(StepReport step) => report(step.Step, $"{step}");
    }

    /// <summary>A learning rate of the run, all of them with as many decimals.</summary>
    private static string Rate(Trainer trainer, double rate)
    {
        int decimals = Math.Clamp(3 - (int)Math.Floor(Math.Log10(trainer.Settings.LearningRate)), 0, 15);
        return rate.ToString($"F{decimals}", CultureInfo.InvariantCulture);
    }

    private RunFolder NewFolder(TrainSettings settings, string dataSource)
    {
        var folder = RunFolder.Create(options.Out, "train");
        if (folder.HasCheckpoint)
            throw new MiniDLException(
                $"{folder.Path} holds a run already; go on with it (--resume {folder.Path}) or choose another --out.");
        if (folder.Has("runs.csv") || HasRows(folder))
            throw new MiniDLException($"{folder.Path} holds results that cannot be gone on with; choose another --out.");
        folder.WriteConfig(settings, dataSource);
        return folder;
    }

    /// <summary>Whether an epoch was ended: a run that diverged in its first leaves nothing to keep.</summary>
    private static bool HasRows(RunFolder folder) =>
        folder.Has("metrics.csv") && CsvFile.Read(folder.File("metrics.csv"), MetricsFile.Header).Count > 0;

    private TrainSettings ResumedSettings(RunFolder folder)
    {
        var saved = folder.ReadConfig<TrainSettings>();
        var wanted = options.ApplyTo(saved);
        if (options.Out is not null) throw new UsageException("--resume writes into the folder of the run; leave --out away.");
        if (wanted != saved)
            throw new UsageException(
                $"--resume goes on with the settings of {folder.File("config.json")}: {Json.Difference(saved, wanted)}.");
        return saved.Checked();
    }

    /// <summary>Epochs that the metrics have beyond the checkpoint are trained again.</summary>
    private void Resume(RunFolder folder, Trainer trainer)
    {
        Checkpoint.Load(folder.Checkpoint, trainer);
        if (!folder.Has("metrics.csv")) return;
        var rows = CsvFile.Read(folder.File("metrics.csv"), MetricsFile.Header);
        _records.AddRange(rows.Take(trainer.Position.Epoch).Select(MetricsFile.Parse));
    }

    private void Summarize(RunFolder folder, TrainSettings settings)
    {
        if (_records.Count == 0) return;
        string title = $"{settings.Model}, {settings.Norm.ToUpperInvariant()}, batch {settings.BatchSize}";
        LearningCurves.Save(folder.File("curves"), title, _records);
        var table = new Table().Border(TableBorder.Rounded);
        foreach (string column in new[] { "", "epoch", "train loss", "train error", "test loss", "test error" })
            table.AddColumn(new TableColumn(column) { Alignment = column.Length == 0 ? Justify.Left : Justify.Right });
        AddRow(table, "last epoch", _records[^1]);
        AddRow(table, "lowest test error", _records.MinBy(r => r.TestError)!);
        terminal.Write(table);
        terminal.Line($"{_records.Sum(r => r.Seconds):F1} s; curves in {folder.File("curves.png")}, numbers in {folder.File("metrics.csv")}");
    }

    private static void AddRow(Table table, string name, EpochRecord r) => table.AddRow(
        name, $"{r.Epoch}", $"{r.TrainLoss:F4}", $"{r.TrainError:F2} %", $"{r.TestLoss:F4}", $"{r.TestError:F2} %");
}
