using System.Diagnostics;
using System.Text.Json.Serialization;
using MiniDL.Data;
using MiniDL.Diagnostics;
using MiniDL.Examples.Output;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Examples.Training;

/// <summary>One run: a model, its optimizer and its data. <see cref="Run"/> trains it.</summary>
internal sealed class Trainer
{
    private const int EvaluationBatch = 100;

    private readonly TrainingLoop _loop;
    private readonly Schedule _schedule;
    private readonly DataLoader _testBatches;
    private readonly DataLoader? _validationBatches;
    private readonly bool _detectAnomaly;

    /// <summary>Draws the model's weights and prepares the data.</summary>
    /// <param name="norm">A norm that the settings cannot name, in place of theirs.</param>
    /// <param name="device">A stream of the settings' device; by default its first.</param>
    /// <param name="validation">Images to choose the best epoch by; null where there are none.</param>
    /// <param name="detectAnomaly">Whether the first value that is NaN or infinite ends the run and is explained.</param>
    /// <exception cref="MiniDLException">
    /// The norm does not fit the model, the batch is larger than the data, or the steps are too many to count.
    /// </exception>
    public Trainer(
        TrainSettings settings, Dataset train, Dataset test, NormFactory? norm = null, Device? device = null, Dataset? validation = null,
        bool detectAnomaly = false)
    {
        if (settings.BatchSize > train.Count)
            throw new MiniDLException($"batch size {settings.BatchSize} is larger than the training set, {Counted.Of(train.Count, "image")}. "
                + $"Use batches of {train.Count} or fewer, or more images (--train-images).");
        (Settings, _detectAnomaly) = (settings, detectAnomaly);
        Device = device ?? DeviceChoice.Open(settings.Device, settings.Precision);
        var random = new RandomStream(settings.Seed);
        norm ??= NormFactory.Named(settings.Norm, settings.Groups, settings.VirtualBatch);
        Model = Models.Create(settings.Model, norm, random.Fork("weights"), train.InputShape, train.Classes).To(Device);
        Optimizer = OptimizerChoice.Named(settings.Optimizer).Create(Model.Parameters(), settings);
        _schedule = Schedule.Parse(settings.Schedule);
        var augmentation = settings.Augment ? Augmentation.PadCropFlip(flip: train.MirrorKeepsClass) : null;
        var loader = new DataLoader(train, settings.BatchSize, random.Fork("data"), shuffle: true, dropLast: true, augmentation);
        _loop = new TrainingLoop(Model, Optimizer, BatchSource.Of(loader, Device), Device, LearningRateAt, stopsShort: true, settings.ClipNorm,
            detectAnomaly: detectAnomaly);
        _testBatches = InOrder(test, random);
        _validationBatches = validation is null ? null : InOrder(validation, random);
        if ((long)StepsPerEpoch * settings.Epochs > int.MaxValue)
            throw new MiniDLException($"{settings.Epochs} epochs of {StepsPerEpoch} steps are more than {int.MaxValue} steps. "
                + $"Use {int.MaxValue / StepsPerEpoch} epochs or fewer (--epochs).");
    }

    private static DataLoader InOrder(Dataset data, RandomStream random) =>
        new(data, Math.Min(EvaluationBatch, data.Count), random.Fork("test"), shuffle: false);

    public TrainSettings Settings { get; }

    public Device Device { get; }

    public Module Model { get; }

    public Optimizer Optimizer { get; }

    /// <summary>How far the run has come; a checkpoint holds it.</summary>
    public Position Position { get; set; }

    public int StepsPerEpoch => _loop.StepsPerEpoch;

    /// <summary>Steps taken since the run began.</summary>
    public int StepsDone => Position.Epoch * StepsPerEpoch + Position.Batch;

    public int TotalSteps => StepsPerEpoch * Settings.Epochs;

    /// <summary>Whether a run with these settings passes there.</summary>
    public bool CanStartAt(Position position) => position is { Epoch: >= 0, Batch: >= 0, Seconds: >= 0, Mean.Images: >= 0 }
        && double.IsFinite(position.Seconds) && double.IsFinite(position.Mean.LossSum) && double.IsFinite(position.Mean.ErrorSum)
        && position.Epoch <= Settings.Epochs && position.Batch <= (position.Epoch < Settings.Epochs ? StepsPerEpoch : 0);

    /// <summary>Trains from <see cref="Position"/> to the end; every epoch that ends is handed out.</summary>
    /// <param name="progress">Told after each step, on a GPU after the next.</param>
    /// <param name="stop">Ends training after the current step; the run can go on from there.</param>
    /// <param name="saving">Saves within epochs.</param>
    /// <exception cref="DivergedException">The training, test or validation loss became NaN or infinite, or any value where that is detected.</exception>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public IEnumerable<EpochRecord> Run(
        Action<StepReport>? progress = null, CancellationToken stop = default, SavingWithinEpochs? saving = null)
    {
        while (Position.Epoch < Settings.Epochs)
        {
            TrainEpoch(progress, stop, saving);
            var clock = Stopwatch.StartNew();
            var test = Evaluate(_testBatches.Epoch(0, stop), stop);
            Score? validation = _validationBatches is null ? null : Evaluate(_validationBatches.Epoch(0, stop), stop);
            var (epoch, mean, seconds) = (Position.Epoch + 1, Position.Mean, Position.Seconds);
            int steps = epoch * StepsPerEpoch;
            // Of the step, not of the optimizer: a run resumed at the end of an epoch has taken none yet.
            float rate = LearningRateAt(steps - 1);
            if (!double.IsFinite(test.Loss))
                throw new DivergedException($"the test loss became {test.Loss}", epoch, steps, rate, WhereIn(_testBatches));
            if (validation is { Loss: var loss } && !double.IsFinite(loss))
                throw new DivergedException($"the validation loss became {loss}", epoch, steps, rate, WhereIn(_validationBatches!));
            Position = new Position { Epoch = epoch };
            yield return new EpochRecord(epoch, steps, mean.Loss, mean.Error, test.Loss, test.Error,
                rate, seconds + clock.Elapsed.TotalSeconds, mean.Images / seconds)
            { ValidationLoss = validation?.Loss, ValidationError = validation?.Error };
        }
    }

    /// <summary>The learning rate of a step.</summary>
    /// <param name="step">Steps before it.</param>
    public float LearningRateAt(int step) => (float)(Settings.LearningRate * _schedule.Factor((double)step / TotalSteps));

    private void TrainEpoch(Action<StepReport>? progress, CancellationToken stop, SavingWithinEpochs? saving)
    {
        var clock = Stopwatch.StartNew();
        // A GPU works on a step while the host looks at the one before.
        bool runsAhead = Device.Kind.IsAsynchronous;
        TrainedBatch? before = null;
        try
        {
            foreach (var trained in _loop.Epoch(Position.Epoch, Position.Batch, stop))
            {
                if ((runsAhead ? before : trained) is { } known) Count(known, clock, progress);
                before = runsAhead ? trained : null;
                if (saving is null || !saving.IsDue()) continue;
                CatchUp();
                saving.Save();
                clock.Restart();
            }
        }
        catch (AnomalyException e)
        {
            int step = StepsDone + (before is null ? 1 : 2);
            throw DivergedException.Of(e, Position.Epoch + 1, step, LearningRateAt(step - 1));
        }
        CatchUp();
        stop.ThrowIfCancellationRequested();

        // Until the last step is counted, the weights are ahead of the position.
        void CatchUp()
        {
            if (before is not null) Count(before, clock, progress);
            before = null;
        }
    }

    /// <summary>Adds a batch to the sums of the epoch, with the time since the one before.</summary>
    private void Count(TrainedBatch batch, Stopwatch clock, Action<StepReport>? progress)
    {
        float loss = batch.Result.Loss;
        if (!float.IsFinite(loss))
            throw new DivergedException($"the loss became {loss}", Position.Epoch + 1, batch.Step, batch.LearningRate, _loop.Repeats
                ? new NotFinite("a GPU has updated the weights with it since; with --device cpu the message names the module where it began, and "
                    + "train --detect-anomaly the operator")
                : NotFinite.Find(Model, batch.Images));
        Position = Position.After(batch.Result.Images, loss, batch.Result.ErrorPercent, clock.Elapsed);
        var mean = Position.Mean;
        progress?.Invoke(new StepReport(Position.Epoch + 1, batch.Step, mean.Loss, mean.Error, mean.Images / Position.Seconds));
        clock.Restart();
    }

    /// <summary>What is known of a loss in evaluation mode that is not finite.</summary>
    private NotFinite? WhereIn(DataLoader batches)
    {
        Model.Eval();
        return batches.Epoch(0).Select(batch => NotFinite.Find(Model, batch.Images.To(Device))).FirstOrDefault(found => found is not null);
    }

    /// <summary>Loss and error of the model in evaluation mode, in which it stays: with running statistics, without dropout.</summary>
    public Score Evaluate(IEnumerable<Batch> batches, CancellationToken stop = default)
    {
        Model.Eval();
        try
        {
            using var detection = _detectAnomaly ? Autograd.DetectAnomaly() : null;
            return Score.Of(Model, Device, batches, stop);
        }
        catch (AnomalyException e)
        {
            int steps = (Position.Epoch + 1) * StepsPerEpoch;
            throw DivergedException.Of(e, Position.Epoch + 1, steps, LearningRateAt(steps - 1));
        }
    }
}

/// <summary>When to save within an epoch, and how: <see cref="Trainer.Position"/> is then where the weights are.</summary>
internal sealed record SavingWithinEpochs(Func<bool> IsDue, Action Save);

/// <summary>How far a run has come: finished epochs, and the batches of the current one with their sums.</summary>
internal readonly record struct Position
{
    public int Epoch { get; init; }
    public int Batch { get; init; }
    public RunningMean Mean { get; init; }

    /// <summary>Spent training in the current epoch.</summary>
    public double Seconds { get; init; }

    /// <summary>Whether a step has been taken.</summary>
    [JsonIgnore]
    public bool HasBegun => Epoch > 0 || Batch > 0;

    /// <summary>As people say it: <c>at the end of epoch 2</c>.</summary>
    public override string ToString() => Batch > 0 ? $"in epoch {Epoch + 1} after step {Batch} of it"
        : Epoch > 0 ? $"at the end of epoch {Epoch}" : "at the start";

    public Position After(int images, double loss, double error, TimeSpan time)
    {
        var mean = Mean;
        mean.Add(loss, error, images);
        return this with { Batch = Batch + 1, Mean = mean, Seconds = Seconds + time.TotalSeconds };
    }
}
