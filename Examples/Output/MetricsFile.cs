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

    public static EpochRecord Parse(string[] row)
    {
        double Number(int column) => double.Parse(row[column], CultureInfo.InvariantCulture);
        return new EpochRecord((int)Number(0), (int)Number(1),
            Number(2), Number(3), Number(4), Number(5), Number(6), Number(7), Number(8));
    }
}
