using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace MiniDL.Benchmarks;

/// <summary>What one call of every benchmark of a class does, with the parameters that are set; 0 where it says nothing.</summary>
public interface IWork
{
    /// <summary>Floating-point operations, a multiplication and an addition counting as two.</summary>
    double Operations => 0;

    /// <summary>Bytes of operands and results, each counted once.</summary>
    double Bytes => 0;

    /// <summary>Nanoseconds that the algorithm needs at least on this machine, by counted instructions and bytes.</summary>
    double Bound => 0;
}

/// <summary>Work per nanosecond, that is billions a second; or the share of what the machine can do.</summary>
internal sealed class RateColumn(string name, string legend, Func<IWork, double> work, Func<double>? limit = null) : IColumn
{
    public string Id => name;

    public string ColumnName => name;

    public string Legend => legend;

    // Otherwise a column of equal values is left out.
    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => summary.BenchmarksCases.Any(benchmark => Amount(benchmark) > 0);

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        double amount = Amount(benchmarkCase);
        if (amount == 0 || summary[benchmarkCase]?.ResultStatistics is not { } statistics) return "-";
        double rate = amount / statistics.Median;
        return limit is null
            ? rate.ToString(rate < 10 ? "F1" : "F0", CultureInfo.InvariantCulture)
            : (100 * rate / limit()).ToString("F0", CultureInfo.InvariantCulture) + " %";
    }

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    /// <summary>Asks a new instance of the class, with the case's parameters set.</summary>
    private double Amount(BenchmarkCase benchmark)
    {
        if (!typeof(IWork).IsAssignableFrom(benchmark.Descriptor.Type)) return 0;
        var instance = (IWork)Activator.CreateInstance(benchmark.Descriptor.Type)!;
        foreach (var parameter in benchmark.Parameters.Items)
            benchmark.Descriptor.Type.GetProperty(parameter.Name)!.SetValue(instance, parameter.Value);
        return work(instance);
    }
}
