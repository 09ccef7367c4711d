using MiniDL.Examples.Output;
using MiniDL.Examples.Training;
using MiniDL.Layers;
using MiniDL.Optim;
using Spectre.Console;

namespace MiniDL.Examples.Doctor;

/// <summary>
/// Whether a GPU trains to the same bits however a step is run: recorded, recorded once more, kernel by kernel, without the branch beside
/// the trunk, and on another stream. An order that is missing from the graph shows as a difference.
/// </summary>
internal sealed class BitsCheck(Device device, string model, int batch)
{
    /// <summary>Two that are run singly, one that is recorded, and repetitions.</summary>
    private const int Steps = 8;

    private static readonly string[] Norms = ["bn", "gn"];

    /// <summary>Prints the table.</summary>
    /// <returns>How many ways of running did not give the bits of the first.</returns>
    public int Run(IReadOnlyList<Precision> precisions, Terminal terminal, CancellationToken stop)
    {
        var table = new Table { Border = TableBorder.Simple };
        string[] ways = ["recorded again", .. device.Backend.OtherWays.Select(way => way.Name), "another stream"];
        foreach (string heading in (string[])["norm", "precision", .. ways]) table.AddColumn(heading);
        int different = 0;
        var rows = Norms.SelectMany(norm => precisions.Select(precision => (norm, precision))).ToList();
        terminal.WithProgress("bits", rows.Count, progress =>
        {
            foreach (var (index, (norm, precision)) in rows.Index())
            {
                stop.ThrowIfCancellationRequested();
                progress(index, $"{norm}, {DeviceChoice.NameOf(precision)}");
                var first = Train(device.In(precision), norm);
                string[] differences = [.. Ways(device.In(precision), norm).Select(way => Difference(first, way))];
                different += differences.Count(difference => difference.Length > 0);
                table.AddRow([norm, DeviceChoice.NameOf(precision),
                    .. differences.Select(difference => difference.Length == 0 ? "the same" : $"[red]{Markup.Escape(difference)}[/]")]);
            }
        });
        terminal.Line($"{device.Backend.Description}; {Counted.Of(Steps, "step")} of {model} at batch {batch}: bits of weights, statistics and velocities");
        terminal.Write(table);
        terminal.Line(different == 0 ? "however the steps are run, they give the same bits."
            : $"{Counted.Of(different, "way")} of running gave other bits: do not trust recorded steps of this device (MINIDL_CUDA_GRAPH=0 does without).");
        return different;
    }

    private IEnumerable<Dictionary<string, float[]>> Ways(Device device, string norm)
    {
        yield return Train(device, norm);
        foreach (var (_, enter) in device.Backend.OtherWays)
            using (enter()) yield return Train(device, norm);
        using var other = device.NewStream();
        yield return Train(other, norm);
    }

    /// <summary>Everything that training changes, by name.</summary>
    private Dictionary<string, float[]> Train(Device device, string norm)
    {
        var random = new RandomStream(7);
        var net = Models.Create(model, NormFactory.Named(norm), random.Fork("weights"), [3, 32, 32], classes: 10).To(device);
        var sgd = new Sgd(net.Parameters(), learningRate: 0.05f, momentum: 0.9f, weightDecay: 1e-4f);
        using var step = new TrainingStep(net, sgd, OneBatch.Random(batch, [3, 32, 32], classes: 10, random.Fork("images"), device), device, stopsShort: false);
        for (int i = 0; i < Steps; i++)
        {
            using var scope = Scope.Step();
            step.Run();
        }
        return net.StateDict().Concat(sgd.StateDict()).Where(entry => entry.Value.DType == DType.F32)
            .ToDictionary(entry => entry.Key, entry => entry.Value.ToArray());
    }

    /// <summary>Names the first tensor whose bits differ; empty if none.</summary>
    private static string Difference(Dictionary<string, float[]> expected, Dictionary<string, float[]> found)
    {
        foreach (var (name, values) in expected)
            if (!found.TryGetValue(name, out float[]? others) || !values.AsSpan().SequenceEqual(others)) return $"{name} differs";
        return "";
    }
}
