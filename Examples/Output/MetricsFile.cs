using System.Globalization;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Output;

/// <summary>The columns of <c>metrics.csv</c>: a row an epoch, errors in percent. Losses have all digits of a float.</summary>
internal static class MetricsFile
{
    public const string Header = "epoch,step,train_loss,train_error,test_loss,test_error,lr,seconds,images_per_second";

    public static string Row(EpochRecord r) => string.Create(CultureInfo.InvariantCulture,
        $"{r.Epoch},{r.Step},{r.TrainLoss:G9},{r.TrainError:0.####},{r.TestLoss:G9},{r.TestError:0.####},"
        + $"{r.LearningRate:G6},{r.Seconds:0.###},{r.ImagesPerSecond:0.#}");

    /// <exception cref="MiniDLException">A cell is not a number.</exception>
    public static EpochRecord Parse(CsvRow row) => new(row.Number<int>(0), row.Number<int>(1), row.Number<double>(2),
        row.Number<double>(3), row.Number<double>(4), row.Number<double>(5), row.Number<double>(6), row.Number<double>(7),
        row.Number<double>(8));
}
