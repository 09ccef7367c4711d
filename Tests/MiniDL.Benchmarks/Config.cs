using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace MiniDL.Benchmarks;

/// <summary>How benchmarks are run and what is shown of them.</summary>
internal static class Config
{
    /// <summary>What is shown, whatever the job: times, the rates that a benchmark knows of, and what it allocates.</summary>
    public static IConfig Columns { get; } = ManualConfig.Create(DefaultConfig.Instance)
        .AddDiagnoser(MemoryDiagnoser.Default)
        .AddColumn(
            new RateColumn("GFLOP/s", "floating-point operations per second, by the definition", work => work.Operations),
            new RateColumn("of peak", "share of the rate of FMAs in registers", work => work.Operations, () => Machine.PeakGflops),
            new RateColumn("GB/s", "bytes of operands and results, each counted once, per second", work => work.Bytes),
            new RateColumn("of copy", "share of the rate of copying large arrays", work => work.Bytes, () => Machine.CopyGigabytes),
            new RateColumn("of bound", "counted time, by the algorithm's instructions and bytes, per measured time", work => work.Bound, () => 1))
        .HideColumns(Column.Error, Column.StdDev, Column.RatioSD, Column.Gen0, Column.Gen1, Column.Gen2)
        .WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(40));

    /// <summary>Three short iterations in this process: all benchmarks within minutes.</summary>
    public static IConfig Short { get; } = ManualConfig.Create(Columns)
        .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
}
