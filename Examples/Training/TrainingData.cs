using MiniDL.Data;
using MiniDL.Examples.Output;

namespace MiniDL.Examples.Training;

/// <summary>Loads datasets, with a progress bar where a download takes time.</summary>
internal static class TrainingData
{
    /// <exception cref="MiniDLException">It is not there, is damaged, or has fewer images than were asked for.</exception>
    public static DataSplit Load(string dataset, DatasetOptions options, Terminal terminal, CancellationToken stop)
    {
        DataSplit? data = null;
        if (dataset != "synthetic" && !terminal.IsInteractive) terminal.Line($"loading {dataset}, from {options.DataDirectory}");
        terminal.WithProgress($"loading {dataset}", 1, report =>
        {
            var progress = new Relay(p => report(p.Total > 0 ? (double)p.Bytes / p.Total : 0, p.Activity));
            data = Datasets.Load(dataset, options with { Progress = progress }, stop);
        });
        return data!;
    }

    /// <summary>Unlike <see cref="Progress{T}"/>, reports on the thread that makes progress.</summary>
    private sealed class Relay(Action<DataProgress> report) : IProgress<DataProgress>
    {
        public void Report(DataProgress value) => report(value);
    }
}
