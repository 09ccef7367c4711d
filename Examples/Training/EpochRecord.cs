using System.Globalization;
using System.Text.Json.Serialization;
using MiniDL.Diagnostics;

namespace MiniDL.Examples.Training;

/// <summary>What one epoch gave: a row of <c>metrics.csv</c>.</summary>
/// <param name="Epoch">From 1.</param>
/// <param name="Step">Steps since the run began.</param>
/// <param name="TrainLoss">Mean cross-entropy of the epoch's batches as they were trained on.</param>
/// <param name="TrainError">Percentage of them classified wrongly.</param>
/// <param name="TestLoss">Mean cross-entropy of the test set after the epoch.</param>
/// <param name="TestError">Percentage of the test set classified wrongly.</param>
/// <param name="LearningRate">Of the epoch's last step.</param>
/// <param name="Seconds">Of training and evaluation.</param>
/// <param name="ImagesPerSecond">Of training alone.</param>
internal sealed record EpochRecord(int Epoch, int Step, double TrainLoss, double TrainError, double TestLoss, double TestError,
    double LearningRate, double Seconds, double ImagesPerSecond)
{
    /// <summary>Mean cross-entropy of the images held out for validation after the epoch; null where there are none.</summary>
    public double? ValidationLoss { get; init; }

    /// <summary>Percentage of them classified wrongly.</summary>
    public double? ValidationError { get; init; }

    /// <summary>What the best epoch is chosen by.</summary>
    [JsonIgnore]
    public double Criterion => ValidationError ?? TestError;

    /// <summary>The epoch in which a run diverged: there are no numbers.</summary>
    public static EpochRecord Of(DivergedException e) => new(
        e.Epoch, e.Step, double.NaN, double.NaN, double.NaN, double.NaN, e.LearningRate, Seconds: 0, ImagesPerSecond: 0);
}

/// <summary>Where training stands after a step: what a progress display shows.</summary>
/// <param name="Epoch">From 1.</param>
/// <param name="Step">Steps since the run began.</param>
/// <param name="Loss">Mean over the epoch so far.</param>
/// <param name="Error">Percentage over the epoch so far.</param>
/// <param name="ImagesPerSecond">Training speed over the epoch so far.</param>
internal readonly record struct StepReport(int Epoch, int Step, double Loss, double Error, double ImagesPerSecond)
{
    public override string ToString() => FormattableString.Invariant(
        $"epoch {Epoch}  loss {Loss:F3}  error {Error:F1} %  {ImagesPerSecond:F0} images/s");
}

/// <summary>Sums over images that become a mean loss and an error in percent.</summary>
internal struct RunningMean
{
    public double LossSum { get; set; }
    public double ErrorSum { get; set; }
    public long Images { get; set; }

    [JsonIgnore]
    public readonly double Loss => LossSum / Images;
    [JsonIgnore]
    public readonly double Error => ErrorSum / Images;

    [JsonIgnore]
    public readonly Score Score => new(Loss, Error);

    /// <summary>Adds a batch, if there is one; waits for it.</summary>
    public void Add(BatchResult? result)
    {
        if (result is not null) Add(result.Loss, result.ErrorPercent, result.Images);
    }

    public void Add(double loss, double errorPercent, int images)
    {
        LossSum += loss * images;
        ErrorSum += errorPercent * images;
        Images += images;
    }
}

/// <summary>A loss became NaN or infinite, or a value before it.</summary>
/// <param name="happened">What did: <c>the test loss became NaN</c>.</param>
/// <param name="learningRate">Of the last step, with the schedule's factor.</param>
/// <param name="cause">What is known of where it comes from.</param>
internal sealed class DivergedException(string happened, int epoch, int step, double learningRate, NotFinite? cause, Exception? inner = null)
    : MiniDLException(string.Create(CultureInfo.InvariantCulture,
        $"{happened} in epoch {epoch}, step {step}, at learning rate {learningRate:G4}{(cause is null ? "" : ": " + cause.What)}."), inner)
{
    /// <summary>A detection found a value: its message says where.</summary>
    public static DivergedException Of(AnomalyException anomaly, int epoch, int step, double learningRate) => new("a value became NaN or infinite",
        // Its message ends with a remedy; a learning rate helps no images.
        epoch, step, learningRate, new NotFinite(anomaly.Message.TrimEnd('.'), anomaly.IsOfInput ? "" : null), anomaly);

    public int Epoch { get; } = epoch;
    public int Step { get; } = step;
    public double LearningRate { get; } = learningRate;

    /// <summary>What happened and what to do.</summary>
    /// <param name="option">The option that sets the base rate.</param>
    /// <param name="baseRate">The value that it has.</param>
    public string Advice(string option, double baseRate) => $"{Message} {cause?.Remedy ?? Rate(option, baseRate)}".TrimEnd();

    private static string Rate(string option, double baseRate) => FormattableString.Invariant(
        $"Where values grow from step to step, use a smaller learning rate ({option} {baseRate / 10:G3}) or warm up (--schedule warmup:0.1,cosine).");
}
