using System.Globalization;
using MiniDL.Examples.Output;

namespace MiniDL.Examples.Training;

/// <summary>What the runs of a comparison have in common: all of <see cref="TrainSettings"/> but norm, batch size and seed.</summary>
internal sealed record ComparisonSettings(
    string Model, int Groups, int VirtualBatch, string Dataset, int? TrainImages, int? TestImages, bool Augment,
    int Epochs, double BaseLearningRate, int BaseBatch, double Momentum, double WeightDecay, string Schedule, string Device)
{
    public static ComparisonSettings Of(TrainSettings s, double baseLearningRate, int baseBatch) =>
        new(s.Model, s.Groups, s.VirtualBatch, s.Dataset, s.TrainImages, s.TestImages, s.Augment,
            s.Epochs, baseLearningRate, baseBatch, s.Momentum, s.WeightDecay, s.Schedule, s.Device);
}

/// <summary>An epoch of one of a comparison's runs: a row of <c>runs.csv</c>.</summary>
internal sealed record ComparedEpoch(string Norm, int BatchSize, ulong Seed, int Epoch,
    double TrainLoss, double TrainError, double TestLoss, double TestError, double Seconds)
{
    public const string Header = "norm,batch_size,seed,epoch,train_loss,train_error,test_loss,test_error,seconds";

    public static ComparedEpoch Of(TrainSettings run, EpochRecord e) => new(
        run.Norm, run.BatchSize, run.Seed, e.Epoch, e.TrainLoss, e.TrainError, e.TestLoss, e.TestError, e.Seconds);

    public bool Diverged => !double.IsFinite(TrainLoss) || !double.IsFinite(TestLoss);

    public (string Norm, int BatchSize, ulong Seed) Run => (Norm, BatchSize, Seed);

    public string ToRow() => string.Create(CultureInfo.InvariantCulture, $"{Norm},{BatchSize},{Seed},{Epoch},"
        + $"{TrainLoss:G9},{TrainError:0.####},{TestLoss:G9},{TestError:0.####},{Seconds:0.###}");

    /// <exception cref="MiniDLException">A cell is not a number.</exception>
    public static ComparedEpoch Parse(CsvRow row) => new(row.Cells[0], row.Number<int>(1), row.Number<ulong>(2), row.Number<int>(3),
        row.Number<double>(4), row.Number<double>(5), row.Number<double>(6), row.Number<double>(7), row.Number<double>(8));
}

/// <summary>The last epochs of the runs with one norm and batch size, averaged over the seeds: a row of <c>summary.csv</c>.</summary>
/// <param name="TestErrorStd">Sample standard deviation over the seeds; 0 for one seed.</param>
internal sealed record SummaryRow(string Norm, int BatchSize, int Seeds, double TestErrorMean, double TestErrorStd,
    double TrainErrorMean, double TrainLossMean)
{
    public const string Header = "norm,batch_size,seeds,test_error_mean,test_error_std,train_error_mean,train_loss_mean";

    public string ToRow() => FormattableString.Invariant(
        $"{Norm},{BatchSize},{Seeds},{TestErrorMean:0.####},{TestErrorStd:0.####},{TrainErrorMean:0.####},{TrainLossMean:G9}");

    /// <summary>Summarizes the last epochs of finished runs; where one diverged the mean is NaN.</summary>
    public static SummaryRow[] From(IEnumerable<ComparedEpoch> lastEpochs) => lastEpochs
        .GroupBy(epoch => (epoch.Norm, epoch.BatchSize))
        .Select(runs => new SummaryRow(runs.Key.Norm, runs.Key.BatchSize, runs.Count(), runs.Average(r => r.TestError),
            Deviation(runs.Select(r => r.TestError).ToArray()), runs.Average(r => r.TrainError), runs.Average(r => r.TrainLoss)))
        .ToArray();

    private static double Deviation(double[] values)
    {
        double mean = values.Average();
        return values.Length < 2 ? 0 : Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1));
    }
}
