using System.Globalization;
using MiniDL.Examples.Reports;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Comparisons;

/// <summary>The figures of a comparison. Lines are means over the seeds; where a run diverged there is a gap.</summary>
internal sealed class ComparisonCharts
{
    private const double MinRange = 8;
    private const int MaxTicks = 9;

    private readonly IReadOnlyList<SummaryRow> _summary;
    private readonly ComparedEpoch[] _epochs, _last;
    private readonly ComparedLayer[] _lastLayers;
    private readonly ComparedEvaluation[] _evaluations;
    private readonly int[] _sizes;

    /// <summary>Takes what finished runs have left.</summary>
    public ComparisonCharts(IReadOnlyList<SummaryRow> summary, ComparedEpoch[] epochs, ComparedLayer[] layers,
        ComparedEvaluation[] evaluations)
    {
        (_summary, _epochs, _evaluations) = (summary, epochs, evaluations);
        _last = [.. epochs.GroupBy(e => e.Run).Select(run => run.Last())];
        var last = _last.Select(e => (e.Run, e.Epoch)).ToHashSet();
        _lastLayers = [.. layers.Where(l => last.Contains((l.Run, l.Epoch)))];
        _sizes = [.. summary.Select(row => row.BatchSize).Distinct().OrderDescending()];
        Norms = [.. summary.Select(row => row.Norm).Distinct()];
        NormsWithStatistics = [.. Norms.Where(norm => _evaluations.Any(e => e.Run.Norm == norm && e.Result.Running != e.Result.Batch))];
        NormsWithDistance = [.. Norms.Where(norm => _last.Any(e => e.Run.Norm == norm && double.IsFinite(e.Probe.Distance.Mean)))];
    }

    public IReadOnlyList<string> Norms { get; }

    /// <summary>Those that evaluate with running statistics.</summary>
    public IReadOnlyList<string> NormsWithStatistics { get; }

    /// <summary>Those whose running statistics are a mean and a variance.</summary>
    public IReadOnlyList<string> NormsWithDistance { get; }

    /// <summary>
    /// Figure 1 of the GN paper: the largest batch on the left; with several seeds the bands reach one standard deviation to either side.
    /// </summary>
    public Chart ErrorVsBatchSize(string title)
    {
        Series Of(string norm)
        {
            var rows = _summary.Where(row => row.Norm == norm).OrderByDescending(row => row.BatchSize).ToArray();
            bool bands = rows.Any(row => row.TestErrorStd > 0);
            double[] sizes = [.. rows.Select(row => (double)row.BatchSize)], errors = [.. rows.Select(row => row.TestErrorMean)];
            return new Series(norm.ToUpperInvariant(), sizes, errors)
            {
                Style = SeriesStyle.LineAndMarkers,
                HasBand = true,
                Low = bands ? [.. rows.Select(row => row.TestErrorMean - row.TestErrorStd)] : null,
                High = bands ? [.. rows.Select(row => row.TestErrorMean + row.TestErrorStd)] : null,
            };
        }
        var (low, high) = ErrorRange();
        var axis = new Axis("test error (%)") { Min = low, Max = high };
        return new Chart("error_vs_batch_size", title, BatchAxis(), axis, [.. Norms.Select(Of)]);
    }

    /// <summary>A panel a norm, a line a batch size: figure 5 of the GN paper.</summary>
    /// <param name="name">Of the charts, with the norm after it.</param>
    /// <param name="what">Is shown, in the titles.</param>
    public IReadOnlyList<Chart> Curves(
        string name, string what, string label, Func<ComparedEpoch, double> value, IReadOnlyList<string> norms, bool log = false)
    {
        var axis = SharedAxis(label, _epochs.Where(e => norms.Contains(e.Run.Norm)).Select(value), log);
        return [.. norms.Select(norm => new Chart($"{name}_{norm}", $"{norm.ToUpperInvariant()}: {what}", EpochAxis(), axis,
            [.. _sizes.Select(size =>
                Mean($"batch {size}", _epochs.Where(e => e.Run.Norm == norm && e.Run.BatchSize == size), e => e.Epoch, value))])
        { Ordered = true })];
    }

    /// <summary>A panel a norm, a line a batch size, over the layers of one kind, after the last epoch.</summary>
    public IReadOnlyList<Chart> Layers(
        string name, string what, string label, Func<LayerProbe, bool> which, Func<LayerProbe, double> value,
        IReadOnlyList<string> norms)
    {
        var shown = _lastLayers.Where(l => norms.Contains(l.Run.Norm) && which(l.Layer) && value(l.Layer) > 0).ToArray();
        var axis = SharedAxis(label, shown.Select(l => value(l.Layer)), log: true);
        return [.. norms.Where(norm => shown.Any(l => l.Run.Norm == norm)).Select(Of)];

        Chart Of(string norm)
        {
            var rows = shown.Where(l => l.Run.Norm == norm).ToArray();
            string[] layers = [.. rows.Select(l => l.Layer.Name).Distinct()];
            var places = new Axis("layer, from input to output") { Ticks = Counted(layers.Length) };
            return new Chart($"{name}_{norm}", $"{norm.ToUpperInvariant()}: {what}", places, axis, [.. _sizes.Select(size =>
                Mean($"batch {size}", rows.Where(l => l.Run.BatchSize == size),
                    l => 1 + Array.IndexOf(layers, l.Layer.Name), l => value(l.Layer)))])
            { Ordered = true, Caption = $"1 is `{layers[0]}`, {layers.Length} is `{layers[^1]}`." };
        }
    }

    /// <summary>A panel a norm that evaluates with running statistics: test error by kind of statistics.</summary>
    public IReadOnlyList<Chart> ByStatistics() => [.. NormsWithStatistics.Select(norm =>
    {
        var rows = _evaluations.Where(e => e.Run.Norm == norm).OrderByDescending(e => e.Run.BatchSize).ToArray();
        Series Of(string name, Func<EvaluationByStatistics, Score> kind) =>
            Mean(name, rows, e => e.Run.BatchSize, e => kind(e.Result).Error) with { Style = SeriesStyle.LineAndMarkers };
        Series[] series = [Of("running", r => r.Running), Of("precise", r => r.Precise), Of("batch", r => r.Batch)];
        return new Chart($"statistics_{norm}", $"{norm.ToUpperInvariant()}: test error by statistics",
            BatchAxis(), new Axis("test error (%)"), [.. series.Where(s => s.Y.Any(double.IsFinite))]);
    })];

    /// <summary>The gap between evaluation and training mode by batch size, after the last epoch.</summary>
    public Chart Gap(string label) => new("evaluation_gap", "After the last epoch", BatchAxis(), new Axis(label),
        [.. NormsWithStatistics.Select(norm => Mean(norm.ToUpperInvariant(),
            _last.Where(e => e.Run.Norm == norm).OrderByDescending(e => e.Run.BatchSize), e => e.Run.BatchSize,
            e => e.Probe.EvalLoss - e.Probe.BatchLoss) with { Style = SeriesStyle.LineAndMarkers })]);

    /// <summary>The mean over seeds at every place, in the order in which the places come.</summary>
    private static Series Mean<T>(string name, IEnumerable<T> rows, Func<T, double> place, Func<T, double> value)
    {
        var means = rows.GroupBy(place).Select(group => (Place: group.Key, Value: group.Average(value))).ToArray();
        return new Series(name, [.. means.Select(m => m.Place)], [.. means.Select(m => m.Value)]);
    }

    private Axis BatchAxis() => new("batch size (images a step)")
    {
        Log = true,
        Reversed = true,
        Min = _sizes[^1] / 1.25,
        Max = _sizes[0] * 1.25,
        Ticks = Axis.TicksAt([.. _sizes.Select(size => (double)size)]),
    };

    /// <summary>An axis with room for all values, the same on every panel, so that panels can be compared.</summary>
    private static Axis SharedAxis(string label, IEnumerable<double> values, bool log)
    {
        double[] shown = [.. values.Where(value => double.IsFinite(value) && (!log || value > 0))];
        if (shown.Length == 0) return new Axis(label);
        double low = shown.Min(), high = shown.Max(), margin = 0.05 * (high - low);
        return log
            ? new Axis(label)
            {
                Log = true,
                Min = low / 1.2,
                Max = high * 1.2,
                Ticks = Axis.TicksAt(RoundValues(low / 1.2, high * 1.2)),
            }
            : new Axis(label) { Min = low - margin, Max = high + margin };
    }

    /// <summary>1, 2 and 5 times the powers of ten between two numbers, the powers alone where they are many.</summary>
    private static IEnumerable<double> RoundValues(double low, double high)
    {
        int[] digits = high / low < 300 ? [1, 2, 5] : [1];
        for (int power = (int)Math.Floor(Math.Log10(low)); Math.Pow(10, power) <= high; power++)
            foreach (int digit in digits)
                if (double.Parse($"{digit}e{power}", CultureInfo.InvariantCulture) is var value && value >= low && value <= high)
                    yield return value;
    }

    private Axis EpochAxis() => new("epoch") { Ticks = Counted(_epochs.Max(e => e.Epoch)) };

    /// <summary>Ticks at 1 to count, at even steps where there are many.</summary>
    private static IReadOnlyList<(double Value, string Label)> Counted(int count)
    {
        int step = new[] { 1, 2, 5, 10, 20, 50, 100, 200, 500 }
            .FirstOrDefault(s => count <= MaxTicks * s, Math.Max(1, count / MaxTicks));
        return Axis.TicksAt(Enumerable.Range(1, count).Where(i => i % step == 0).Select(i => (double)i));
    }

    /// <summary>All errors with their bars, and at least some points, so that noise does not look like a result.</summary>
    private (double? Low, double? High) ErrorRange()
    {
        var rows = _summary.Where(row => double.IsFinite(row.TestErrorMean)).ToArray();
        if (rows.Length == 0) return (null, null);
        static double Bar(SummaryRow row) => double.IsFinite(row.TestErrorStd) ? row.TestErrorStd : 0;
        double low = rows.Min(row => row.TestErrorMean - Bar(row)), high = rows.Max(row => row.TestErrorMean + Bar(row));
        double margin = Math.Max(0.12 * (high - low), (MinRange - (high - low)) / 2);
        return (Math.Max(0, low - margin), high + margin);
    }
}
