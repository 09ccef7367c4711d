using System.Globalization;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Examples.Plots;
using MiniDL.Examples.Training;
using MiniDL.Serialization;
using Spectre.Console;

namespace MiniDL.Examples.Verbs;

/// <summary><c>train</c>: one model, from settings to metrics, curves and checkpoints.</summary>
/// <param name="files">What files are written through; the file system by default.</param>
internal sealed class TrainVerb(TrainOptions options, Terminal terminal, FileLayer? files = null)
{
    public int Run(CancellationToken stop)
    {
        using var resumed = options.Resume is { } resume ? TrainFolder.Open(resume, files) : null;
        var settings = resumed is null ? options.ApplyTo(new TrainSettings()).Checked() : ResumedSettings(resumed);
        options.Fitting([settings], lists: false);
        var trace = TraceFile.At(options.Trace);
        var data = TrainingData.Load(settings.Dataset, options.DataOptions(settings), terminal, stop);
        var identity = TrainingData.Identify(data);
        var (train, validation) = TrainingData.Split(data.Train, settings.Validation);
        var trainer = new Trainer(settings, train, data.Test, validation: validation, detectAnomaly: options.DetectAnomaly);
        IReadOnlyList<string> notices = resumed is null ? [] : GoOn(resumed, trainer, identity);
        using var begun = resumed is null ? TrainFolder.Begin(options.Out, trainer, identity, files) : null;
        var folder = resumed ?? begun!;
        terminal.Line($"{settings.Model} with {settings.Norm}, {Counted.Of(trainer.Model.ParameterCount, "parameter")}, "
            + $"on {Counted.Of(train.Count, "image")} ({data.Source}), {Counted.Of(settings.Epochs, "epoch")} of {Counted.Of(trainer.StepsPerEpoch, "step")}"
            + $"{(trainer.Position.Epoch > 0 ? $", {Counted.Of(trainer.Position.Epoch, "epoch")} done already" : "")}; "
            + $"{Counted.Of(CpuThreads.Count, "thread")}; into {folder.Path}");
        foreach (string notice in notices) terminal.Line(notice);
        // Asked for, and so written whether quiet or not.
        if (options.Summary) terminal.Results.Write(trainer.Model.Summary(Tensor.Zeros([settings.BatchSize, .. train.InputShape.Sizes], trainer.Device)));
        return Run(folder, trainer, trace, stop);
    }

    private int Run(TrainFolder folder, Trainer trainer, TraceFile? trace, CancellationToken stop)
    {
        var settings = trainer.Settings;
        try
        {
            terminal.WithProgress(settings.Model, trainer.TotalSteps, report => Train(folder, trainer, trace, report, stop));
            folder.SaveModel(trainer);
        }
        catch (OperationCanceledException)
        {
            folder.Save(trainer);
            Summarize(folder, settings);
            terminal.Line($"stopped {trainer.Position}; go on with: {GoOnCommand(folder)}");
            return ExitCodes.Stopped;
        }
        catch (Exception e)
        {
            // What is known of the run is shown all the same; should that fail too, the first error is the one to report.
            FirstError.AfterIt(() => Summarize(folder, settings));
            if (e is DivergedException diverged) throw new MiniDLException(diverged.Advice("--lr", settings.LearningRate), e);
            throw;
        }
        Summarize(folder, settings);
        return 0;
    }

    private void Train(TrainFolder folder, Trainer trainer, TraceFile? file, Action<double, string> report, CancellationToken stop)
    {
        using var trace = file is null ? null : new StepTrace(file, trainer.StepsDone, trainer.TotalSteps, trainer.StepsPerEpoch);
        var clock = new CheckpointClock(options.Interval, TimeProvider.System);
        void Save()
        {
            folder.Save(trainer);
            clock.Restart();
        }
        void Report(StepReport step)
        {
            report(step.Step, $"{step}");
            if (trace?.After(step.Step) is { } line) terminal.Line(line);
        }
        foreach (var epoch in trainer.Run(Report, stop, new SavingWithinEpochs(() => clock.IsDue, Save)))
        {
            folder.Add(epoch, trainer);
            if (epoch.Epoch == trainer.Settings.Epochs || clock.IsDueAfter(epoch.Epoch)) Save();
            string validation = epoch.ValidationError is { } error ? $"validation error {error,5:F2} %   " : "";
            terminal.Line($"epoch {epoch.Epoch,3}/{trainer.Settings.Epochs}  "
                + $"train loss {epoch.TrainLoss:F4}  error {epoch.TrainError,5:F2} %   {validation}"
                + $"test loss {epoch.TestLoss:F4}  error {epoch.TestError,5:F2} %   "
                + $"lr {Rate(trainer, epoch.LearningRate)}  {epoch.ImagesPerSecond,5:F0} images/s  {epoch.Seconds:F1} s");
        }
    }

    /// <summary>A learning rate of the run, all of them with as many decimals.</summary>
    private static string Rate(Trainer trainer, double rate)
    {
        int decimals = Math.Clamp(3 - (int)Math.Floor(Math.Log10(trainer.Settings.LearningRate)), 0, 15);
        return rate.ToString($"F{decimals}", CultureInfo.InvariantCulture);
    }

    /// <summary>The settings of the run, but for the number of epochs, which may have grown.</summary>
    private TrainSettings ResumedSettings(TrainFolder folder)
    {
        if (options.Out is not null) throw new UsageException("--resume writes into the folder of the run; leave --out away.");
        var saved = folder.Settings.Settings;
        if (options.DetectAnomaly && saved.Convolutions != nameof(ConvAlgorithm.Exact))
            throw new UsageException("--detect-anomaly needs exact convolutions, and this run has fast ones, with which --resume would have to go on. Train anew with "
                + "--detect-anomaly.");
        var wanted = options.ApplyTo(saved);
        if (wanted with { Epochs = saved.Epochs } != saved)
            throw new UsageException($"--resume goes on with the settings of {folder.File("config.json")}: {Json.Difference(saved, wanted)}."
                + $"{(saved.Convolutions == wanted.Convolutions ? "" : " Exact convolutions come with --detect-anomaly or MINIDL_CONV_ALGORITHM=exact.")}");
        if (wanted != saved) RequireExtension(saved, wanted.Epochs, folder.Reached);
        return wanted.Checked();
    }

    /// <summary>
    /// A schedule counts in fractions of the training, so a run that is under way cannot become longer without having had other rates.
    /// </summary>
    private static void RequireExtension(TrainSettings saved, int epochs, Position reached)
    {
        if (epochs < reached.Epoch + (reached.Batch > 0 ? 1 : 0))
            throw new UsageException($"--epochs {epochs}: the run stands {reached}, which is more.");
        if (reached.Epoch < saved.Epochs && saved.Schedule != "none")
            throw new UsageException($"--epochs {epochs}: the run stands {reached} of {saved.Epochs}, and its schedule {saved.Schedule} counts "
                + "in fractions of all epochs. Finish it first (--resume without --epochs), then go on with more epochs.");
    }

    private static IReadOnlyList<string> GoOn(TrainFolder folder, Trainer trainer, DataIdentity data)
    {
        var (saved, dataSha256) = folder.Settings;
        TrainingData.RequireSame(folder.Path, dataSha256, data);
        List<string> notices = [.. folder.GoOn(trainer, data)];
        if (trainer.Settings.Epochs != saved.Epochs && saved.Schedule != "none")
            notices.Add(FormattableString.Invariant($"The schedule {saved.Schedule} now counts over {trainer.Settings.Epochs} epochs in place of ")
                + FormattableString.Invariant($"{saved.Epochs}: it goes on at learning rate {trainer.LearningRateAt(trainer.StepsDone):G3}."));
        if (trainer.Position.Epoch == trainer.Settings.Epochs)
            notices.Add($"The run is finished. For more epochs, give their number in all: --epochs {2 * trainer.Settings.Epochs}.");
        return notices;
    }

    /// <summary>The call that goes on with the run, as a line for a shell.</summary>
    private string GoOnCommand(TrainFolder folder) => new ShellCommand("train").Option("resume", folder.Path)
        .Option("data-dir", options.DataDirectory == "data" ? null : options.DataDirectory)
        .Option("checkpoint-every", options.CheckpointEvery == "1" ? null : options.CheckpointEvery)
        .Flag("detect-anomaly", options.DetectAnomaly).ToString();

    private void Summarize(TrainFolder folder, TrainSettings settings)
    {
        if (folder.Best is not { } best) return;
        string title = $"{settings.Model}, {settings.Norm.ToUpperInvariant()}, batch {settings.BatchSize}";
        LearningCurves.Save(folder.File("curves"), title, folder.Epochs);
        bool hasValidation = settings.Validation is not null;
        var table = new Table().Border(TableBorder.Rounded);
        string[] columns = ["", "epoch", "train loss", "train error", .. hasValidation ? ["validation error"] : Array.Empty<string>(),
            "test loss", "test error"];
        foreach (string column in columns)
            table.AddColumn(new TableColumn(column) { Alignment = column.Length == 0 ? Justify.Left : Justify.Right });
        table.AddRow(Cells("last epoch", folder.Epochs[^1]));
        table.AddRow(Cells(hasValidation ? "lowest validation error" : "lowest test error", best));
        terminal.Write(table);
        terminal.Line($"best.safetensors is of epoch {best.Epoch}, chosen by its {(hasValidation ? "validation error" : "test error, which is "
            + "therefore too good a guess for new images (--validation N holds out training images to choose by)")}.");
        terminal.Line($"{folder.Epochs.Sum(r => r.Seconds):F1} s; curves in {folder.File("curves.png")}, numbers in "
            + $"{folder.File("metrics.csv")}, weights in {folder.File("checkpoint")}");
    }

    private static string[] Cells(string name, EpochRecord r) =>
    [
        name, $"{r.Epoch}", $"{r.TrainLoss:F4}", $"{r.TrainError:F2} %",
        .. r.ValidationError is { } validation ? [$"{validation:F2} %"] : Array.Empty<string>(),
        $"{r.TestLoss:F4}", $"{r.TestError:F2} %",
    ];
}
