using MiniDL.Data;
using MiniDL.Examples.Reports;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>Histograms of what goes into some layers' activations, at some steps of a training, on the same test images.</summary>
internal sealed class ActivationHistograms
{
    private const int Images = 100, Bins = 80;

    private readonly int[] _layers;
    private readonly Tensor _images;
    private readonly List<(VggSetup Setup, int Step, int Layer, double[] Values)> _read = [];

    public ActivationHistograms(Dataset data, params int[] layers)
    {
        _layers = layers;
        using var batches = new DataLoader(data.Take(Math.Min(Images, data.Count)), Images, new RandomStream(0), shuffle: false, threads: 0)
            .Epoch(0).GetEnumerator();
        batches.MoveNext();
        _images = batches.Current.Images.Clone();
    }

    /// <summary>Reads a net's activations now.</summary>
    public void Read(VggTraining training, int step)
    {
        training.Net.Module.Train();
        foreach (var (layer, values) in new ActivationProbe(training.Net).Read(() => training.Net.Module.Forward(_images), _layers))
            _read.Add((training.Setup, step, layer, [.. values.Select(value => (double)value)]));
    }

    /// <summary>A panel for each layer: densities of the first (dashed) and the last step of every setup that was read.</summary>
    public IReadOnlyList<Chart> Charts(string name) => [.. _layers.Select(layer => Of(layer, $"{name}_layer_{layer}"))];

    public DataTable Table(string name) => new(name, ["net", "step", "layer", "mean", "std", "p01", "p50", "p99"],
        [
            .. _read.Select(r =>
            {
                double mean = r.Values.Average();
                double std = Math.Sqrt(r.Values.Average(v => (v - mean) * (v - mean)));
                double[] sorted = [.. r.Values.Order()];
                double At(double quantile) => sorted[(int)(quantile * (sorted.Length - 1))];
                return (IReadOnlyList<object>)[r.Setup.Name, r.Step, r.Layer, mean, std, At(0.01), At(0.5), At(0.99)];
            }),
        ])
    { Caption = "Inputs of the activation behind a layer, with batch statistics, on 100 test images." };

    private Chart Of(int layer, string name)
    {
        var here = _read.Where(r => r.Layer == layer && Array.TrueForAll(r.Values, double.IsFinite)).ToArray();
        // All but the outermost values of the widest distribution.
        double low = here.Min(r => Quantile.Of(r.Values, 0.002)), high = here.Max(r => Quantile.Of(r.Values, 0.998));
        var series = here.GroupBy(r => r.Setup).SelectMany(setup => new[] { setup.MinBy(r => r.Step), setup.MaxBy(r => r.Step) }.Distinct()
            .Select(r => Series.Histogram($"{setup.Key.Name}, step {r.Step:N0}", r.Values, low, high, Bins) with
            {
                Style = SeriesStyle.Line,
                Color = setup.Key.Color,
                Dashed = r.Step == 0,
            }));
        return new Chart(name, $"Layer {layer}", new Axis("input of the activation"), new Axis("density") { Min = 0 }, [.. series]);
    }
}
