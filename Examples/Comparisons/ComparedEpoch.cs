using System.Globalization;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Comparisons;

/// <summary>An epoch of one of a comparison's runs: a row of <c>runs.csv</c>. Errors are percentages.</summary>
/// <param name="TrainLoss">Mean over the epoch's batches as they were trained on, with <paramref name="TrainError"/>.</param>
/// <param name="TestLoss">Mean over the test set after the epoch, in evaluation mode, with <paramref name="TestError"/>.</param>
/// <param name="Seconds">Of training and testing; runs side by side slow each other down.</param>
internal sealed record ComparedEpoch(RunKey Run, int Epoch,
    double TrainLoss, double TrainError, double TestLoss, double TestError, double Seconds)
{
    public const string Header = RunKey.Columns + ",epoch,train_loss,train_error,test_loss,test_error,seconds,"
        + "eval_train_loss,eval_train_error,batch_train_loss,batch_train_error,mean_distance,variance_distance,gradient_norm";

    /// <summary>What the probe found after the epoch; nothing where the run diverged.</summary>
    public EpochProbe Probe { get; init; } = EpochProbe.Nothing;

    public static ComparedEpoch Of(RunKey run, EpochRecord e) =>
        new(run, e.Epoch, e.TrainLoss, e.TrainError, e.TestLoss, e.TestError, e.Seconds);

    public bool Diverged => !double.IsFinite(TrainLoss) || !double.IsFinite(TestLoss);

    /// <summary>The run's last epoch: the settings', or the one in which it diverged.</summary>
    public bool Ends(int epochs) => Epoch == epochs || Diverged;

    public string ToRow() => string.Create(CultureInfo.InvariantCulture, $"{Run.Norm},{Run.BatchSize},{Run.Seed},{Epoch},"
        + $"{TrainLoss:G9},{TrainError:0.####},{TestLoss:G9},{TestError:0.####},{Seconds:0.###},"
        + $"{Cell.Of(Probe.EvalLoss)},{Cell.Of(Probe.EvalError)},{Cell.Of(Probe.BatchLoss)},{Cell.Of(Probe.BatchError)},"
        + $"{Cell.Of(Probe.Distance.Mean)},{Cell.Of(Probe.Distance.Variance)},{Cell.Of(Probe.GradientNorm)}");

    /// <exception cref="MiniDLException">A cell is not what its column says.</exception>
    public static ComparedEpoch Parse(CsvRow row) => new(Cell.Run(row), row.Number<int>(3),
        row.NumberOrNaN(4), row.NumberOrNaN(5), row.NumberOrNaN(6), row.NumberOrNaN(7), row.Number<double>(8))
    {
        Probe = new EpochProbe(Cell.Read(row, 9), Cell.Read(row, 10), Cell.Read(row, 11), Cell.Read(row, 12),
            new StatisticsDistance(Cell.Read(row, 13), Cell.Read(row, 14)), Cell.Read(row, 15)),
    };
}

/// <summary>A layer of a run after an epoch: a row of <c>layers.csv</c>.</summary>
internal sealed record ComparedLayer(RunKey Run, int Epoch, LayerProbe Layer)
{
    public const string Header = RunKey.Columns + ",epoch,layer,type,gradient_norm,mean_distance,variance_distance";

    public string ToRow() => FormattableString.Invariant($"{Run.Norm},{Run.BatchSize},{Run.Seed},{Epoch},")
        + $"{Layer.Name},{Layer.Type},{Cell.Of(Layer.GradientNorm)},{Cell.Of(Layer.Distance.Mean)},{Cell.Of(Layer.Distance.Variance)}";

    /// <exception cref="MiniDLException">A cell is not what its column says.</exception>
    public static ComparedLayer Parse(CsvRow row) => new(Cell.Run(row), row.Number<int>(3), new LayerProbe(
        row.Name(4), row.Name(5), Cell.Read(row, 6), new StatisticsDistance(Cell.Read(row, 7), Cell.Read(row, 8))));
}

/// <summary>A finished run tested with three kinds of statistics: a row of <c>evaluation.csv</c>.</summary>
internal sealed record ComparedEvaluation(RunKey Run, EvaluationByStatistics Result)
{
    public const string Header = RunKey.Columns + ",running_test_loss,running_test_error,precise_test_loss,precise_test_error,"
        + "batch_test_loss,batch_test_error";

    public string ToRow() => FormattableString.Invariant($"{Run.Norm},{Run.BatchSize},{Run.Seed},")
        + string.Join(',', new[] { Result.Running, Result.Precise, Result.Batch }.Select(r => $"{Cell.Of(r.Loss)},{Cell.Of(r.Error)}"));

    /// <exception cref="MiniDLException">A cell is not what its column says.</exception>
    public static ComparedEvaluation Parse(CsvRow row) => new(Cell.Run(row), new EvaluationByStatistics(
        new Score(Cell.Read(row, 3), Cell.Read(row, 4)),
        new Score(Cell.Read(row, 5), Cell.Read(row, 6)),
        new Score(Cell.Read(row, 7), Cell.Read(row, 8))));
}

/// <summary>Cells that are empty where there is nothing to measure.</summary>
internal static class Cell
{
    public static string Of(double value) => double.IsFinite(value) ? value.ToString("G6", CultureInfo.InvariantCulture) : "";

    /// <summary>The number, NaN for an empty cell.</summary>
    public static double Read(CsvRow row, int column) => row.IsEmpty(column) ? double.NaN : row.Number<double>(column);

    public static RunKey Run(CsvRow row) => new(row.Name(0), row.Number<int>(1), row.Number<ulong>(2));
}
