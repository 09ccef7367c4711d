using MiniDL.Data;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Examples.Plots;
using MiniDL.Examples.Training;
using Spectre.Console;

namespace MiniDL.Examples.Verbs;

/// <summary><c>data</c>: which datasets there are; or one of them fetched, verified, described and shown.</summary>
internal sealed class DataVerb(DataOptions options, Terminal terminal)
{
    public int Run(CancellationToken stop)
    {
        if (options.Dataset is { } name) Describe(name, stop);
        else List(stop);
        return 0;
    }

    private DatasetOptions Source => new() { DataDirectory = Folder, Seed = options.Seed ?? 0 };

    private string Folder => options.DataDirectory ?? "data";

    private void List(CancellationToken stop)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns("dataset", "where");
        foreach (string name in Datasets.Names) table.AddRow(Markup.Escape(name), Markup.Escape(Quote.Visible(WhereIs(name, stop))));
        terminal.Write(table);
        terminal.Line($"{new ShellCommand("data", "DATASET").Option("data-dir", options.DataDirectory)} describes one, or says what is wrong with it; "
            + "with --download it is fetched first.");
    }

    private string WhereIs(string name, CancellationToken stop)
    {
        try
        {
            return Datasets.Load(name, Source with { TrainImages = 1, TestImages = 1 }, stop).Source;
        }
        catch (MiniDLException)
        {
            return $"not in {Folder}, or not usable";
        }
    }

    private void Describe(string name, CancellationToken stop)
    {
        var data = TrainingData.Load(name, Source with { Download = options.Download }, terminal, stop);
        terminal.Line($"{name}: {data.Source}");
        var table = new Table().Border(TableBorder.Rounded)
            .AddColumns("set", "images", "shape", "classes", "images a class", "mean, per channel", "standard deviation");
        AddRow(table, "training", (ImageDataset)data.Train);
        AddRow(table, "test", (ImageDataset)data.Test);
        terminal.Write(table);
        using var folder = RunFolder.Create(options.Out, "data");
        string sheet = folder.File($"{name}.png");
        ContactSheet.Save(sheet, (ImageDataset)data.Train);
        terminal.Line($"some training images of each class: {sheet}");
    }

    private static void AddRow(Table table, string set, ImageDataset data)
    {
        var counts = Enumerable.Range(0, data.Count).CountBy(data.Label).Select(c => c.Value).ToArray();
        string balance = counts.Min() == counts.Max() ? $"{counts.Min():N0}" : $"{counts.Min():N0} to {counts.Max():N0}";
        var (mean, std) = Statistics(data);
        string shape = Markup.Escape($"{data.InputShape}");
        table.AddRow(set, $"{data.Count:N0}", shape, $"{data.Classes}", balance, Text(mean), Text(std));
    }

    private static string Text(double[] values) =>
        string.Join(" ", values.Select(value => FormattableString.Invariant($"{value:F4}")));

    /// <summary>Mean and standard deviation of the pixels, which count as 0 to 1; sums of bytes and their squares are exact.</summary>
    private static (double[] Mean, double[] Std) Statistics(ImageDataset data)
    {
        int channels = data.InputShape[0], plane = data.InputShape.Count / channels;
        var (sums, squares) = (new long[channels], new long[channels]);
        for (int i = 0; i < data.Count; i++)
            for (int c = 0; c < channels; c++)
                foreach (byte value in data.Pixels(i).Slice(c * plane, plane))
                    (sums[c], squares[c]) = (sums[c] + value, squares[c] + value * value);
        double count = (double)data.Count * plane;
        double[] mean = [.. sums.Select(sum => sum / count)];
        double[] std = [.. squares.Select((sum, c) => Math.Sqrt(sum / count - mean[c] * mean[c]))];
        return ([.. mean.Select(m => m / 255)], [.. std.Select(s => s / 255)]);
    }
}
