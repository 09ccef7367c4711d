using System.Globalization;

namespace MiniDL.Examples.Comparisons;

/// <summary>
/// The last epochs of the runs with one norm and batch size, averaged over the seeds: a row of <c>summary.csv</c>.
/// </summary>
/// <param name="TestErrorStd">Sample standard deviation over the seeds; 0 for one seed.</param>
internal sealed record SummaryRow(string Norm, int BatchSize, int Seeds, double TestErrorMean, double TestErrorStd,
    double TrainErrorMean, double TrainLossMean)
{
    public const string Header = "norm,batch_size,seeds,test_error_mean,test_error_std,train_error_mean,train_loss_mean";

    /// <summary>
    /// The cells of <c>summary.csv</c>: errors to four decimals, losses with all digits of a float. One seed has no deviation: its cell is empty.
    /// </summary>
    public object[] Cells() => [Norm, BatchSize, Seeds, Math.Round(TestErrorMean, 4), Seeds > 1 ? Math.Round(TestErrorStd, 4) : "",
        Math.Round(TrainErrorMean, 4),
        double.Parse(TrainLossMean.ToString("G9", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)];

    /// <summary>Summarizes finished runs, given by all their epochs.</summary>
    public static SummaryRow[] Of(IEnumerable<ComparedEpoch> epochs) => From(epochs.GroupBy(e => e.Run).Select(run => run.Last()));

    /// <summary>Summarizes the last epochs of finished runs; where one diverged the mean is NaN.</summary>
    public static SummaryRow[] From(IEnumerable<ComparedEpoch> lastEpochs) => lastEpochs
        .GroupBy(epoch => (epoch.Run.Norm, epoch.Run.BatchSize))
        .Select(runs => new SummaryRow(runs.Key.Norm, runs.Key.BatchSize, runs.Count(), runs.Average(r => r.TestError),
            Deviation(runs.Select(r => r.TestError).ToArray()), runs.Average(r => r.TrainError), runs.Average(r => r.TrainLoss)))
        .ToArray();

    private static double Deviation(double[] values)
    {
        double mean = values.Average();
        return values.Length < 2 ? 0 : Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1));
    }
}
