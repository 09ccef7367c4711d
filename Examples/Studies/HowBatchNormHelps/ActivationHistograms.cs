using MiniDL.Data;
using MiniDL.Examples.Reports;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>
/// Histograms of what goes into some layers' activations, at the start and the end of trainings, on the same test images.
/// </summary>
internal sealed class ActivationHistograms
{
    private const int Images = 300, Bins = 40;

    /// <summary>
    /// The part of the values that is left out at each end: bins are those of a distribution's own range, so that a narrow one has
    /// as many as a wide one, and its last bins hold more than a few values.
    /// </summary>
    private const double Tail = 0.002;

    private readonly int[] _layers;
    private readonly Tensor _images;
    private readonly List<Reading> _read = [];

    public ActivationHistograms(Dataset data, params int[] layers)
    {
        _layers = layers;
        int count = Math.Min(Images, data.Count);
        _images = new DataLoader(data, count, new RandomStream(0), shuffle: false, threads: 0).Epoch(0).First().Images.Clone();
    }

    /// <summary>Reads a net's activations now.</summary>
    public void Read(VggTraining training, int step)
    {
        training.Net.Module.Train();
        var read = new ActivationProbe(training.Net).Read(() => training.Net.Module.Forward(_images.To(training.Device)), _layers);
        foreach (var (layer, values) in read)
            _read.Add(new Reading(training.Setup, step, layer, [.. values.Select(value => (double)value)]));
    }

    /// <summary>A panel for each layer: densities at the start (dashed) and at the end of every training.</summary>
    public Chart[] ByLayer(string name) =>
        [.. _layers.Select(layer => Densities($"{name}_layer_{layer}", $"Layer {layer}", r => r.Layer == layer))];

    /// <summary>A panel for the start and one for the end of every training.</summary>
    public Chart[] StartAndEnd(string name) =>
    [
        Densities($"{name}_start", "Before the first step", r => r.Step == 0),
        Densities($"{name}_end", "After the last step", r => r.Step > 0),
    ];

    public DataTable Table(string name) => new(name, ["net", "step", "layer", "mean", "std", "p01", "p50", "p99"],
        [
            .. _read.Select(r =>
            {
                double mean = r.Values.Average();
                double std = Math.Sqrt(r.Values.Average(v => (v - mean) * (v - mean)));
                return (IReadOnlyList<object>)[r.Setup.Name, r.Step, r.Layer, mean, std,
                    Quantile.Of(r.Values, 0.01), Quantile.Of(r.Values, 0.5), Quantile.Of(r.Values, 0.99)];
            }),
        ])
    {
        Caption = "Inputs of the activation after a layer, with batch statistics, on up to 300 test images; figures leave out the "
            + "outermost 0.2 % at each end.",
    };

    private Chart Densities(string name, string title, Func<Reading, bool> shown)
    {
        Reading[] here = [.. _read.Where(r => shown(r) && Array.TrueForAll(r.Values, double.IsFinite))];
        bool both = here.Select(r => r.Step).Distinct().Count() > 1;
        return new Chart(name, title, new Axis("input of the ReLU"), new Axis("density") { Log = true }, [.. here.Select(Density)]);

        Series Density(Reading r)
        {
            string legend = both ? $"{r.Setup.Legend}, {(r.Step == 0 ? "start" : "end")}" : r.Setup.Legend;
            double low = Quantile.Of(r.Values, Tail), high = Quantile.Of(r.Values, 1 - Tail);
            // Where all values are the same there is one bin of any width.
            if (high <= low) (low, high) = (low - 0.5, low + 0.5);
            var density = Series.Histogram(legend, r.Values, low, high, Bins);
            return density with { Style = SeriesStyle.Line, Color = r.Setup.Color, Dashed = both && r.Step == 0 };
        }
    }

    private sealed record Reading(VggSetup Setup, int Step, int Layer, double[] Values);
}
