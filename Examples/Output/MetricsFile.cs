using System.Globalization;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Output;

/// <summary>
/// The columns of <c>metrics.csv</c>: a row an epoch, errors in percent. Losses have all digits of a float. Runs with a validation split
/// have two columns more.
/// </summary>
internal sealed class MetricsFile(bool hasValidation)
{
    private const string Columns = "epoch,step,train_loss,train_error,test_loss,test_error,lr,seconds,images_per_second";

    /// <summary>The columns that a run with these settings has.</summary>
    public static MetricsFile Of(TrainSettings settings) => new(settings.Validation is not null);

    public string Header => hasValidation ? Columns + ",validation_loss,validation_error" : Columns;

    public string Row(EpochRecord r) => string.Create(CultureInfo.InvariantCulture,
        $"{r.Epoch},{r.Step},{r.TrainLoss:G9},{r.TrainError:0.####},{r.TestLoss:G9},{r.TestError:0.####},"
        + $"{r.LearningRate:G6},{r.Seconds:0.###},{r.ImagesPerSecond:0.#}")
        + (hasValidation ? string.Create(CultureInfo.InvariantCulture, $",{r.ValidationLoss:G9},{r.ValidationError:0.####}") : "");

    /// <exception cref="MiniDLException">A cell is not a number.</exception>
    public EpochRecord Parse(CsvRow row) => new(row.Number<int>(0), row.Number<int>(1), row.Number<double>(2),
        row.Number<double>(3), row.Number<double>(4), row.Number<double>(5), row.Number<double>(6), row.Number<double>(7),
        row.Number<double>(8))
    {
        ValidationLoss = hasValidation ? row.Number<double>(9) : null,
        ValidationError = hasValidation ? row.Number<double>(10) : null,
    };

    /// <summary>Reads the rows of a run, which must be those of the epochs 1, 2, 3, …</summary>
    /// <exception cref="MiniDLException">They are not, or a cell is not a number.</exception>
    public EpochRecord[] Read(string path)
    {
        var rows = CsvFile.Read(path, Header);
        EpochRecord[] epochs = [.. rows.Select(Parse)];
        foreach (var (index, epoch) in epochs.Index())
            if (epoch.Epoch != index + 1)
                throw new MiniDLException($"{path}, line {rows[index].Line}, is of epoch {epoch.Epoch}, expected {index + 1}: "
                    + $"the rows must be those of the epochs 1, 2, 3, …, each once. {CsvRow.Remedy}");
        return epochs;
    }
}
