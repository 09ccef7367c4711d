namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>How much the moments of a layer's activations have changed since the step before.</summary>
/// <param name="Layer">Its number, from 1.</param>
/// <param name="MeanChange">|Δ mean| of a unit over the batch, averaged over the units.</param>
/// <param name="VarianceChange">|Δ variance|, likewise.</param>
internal readonly record struct DriftPoint(int Step, int Layer, double MeanChange, double VarianceChange);

/// <summary>
/// Watches the mean and variance of every unit of some layers, before the activation, from one training batch to the next.
/// Santurkar et al. 2018, figure 8. Hooks that were put on the norms earlier, such as noise, have run by then.
/// </summary>
internal sealed class MomentDrift
{
    private readonly Dictionary<int, (int Step, double[] Mean, double[] Variance)> _last = [];
    private readonly List<DriftPoint> _points = [];

    public MomentDrift(LayeredNet net, IReadOnlyList<int> layers)
    {
        foreach (int layer in layers)
            net.NormOf(layer).OnForward((module, _, y) =>
            {
                if (module.Training) Observe(layer, y);
                return null;
            });
    }

    public IReadOnlyList<DriftPoint> Points => _points;

    private void Observe(int layer, Tensor y)
    {
        using var noGrad = new NoGrad();
        int[] dims = [.. Enumerable.Range(0, y.Rank).Where(dim => dim != 1)];
        var centre = y.Detach().Mean(dims, keepDim: true);
        double[] mean = centre.ToArray<double>(), variance = (y.Detach() - centre).Square().Mean(dims).ToArray<double>();
        int step = 0;
        if (_last.TryGetValue(layer, out var last))
        {
            step = last.Step + 1;
            _points.Add(new DriftPoint(step, layer, Change(last.Mean, mean), Change(last.Variance, variance)));
        }
        _last[layer] = (step, mean, variance);
    }

    private static double Change(double[] before, double[] now) => before.Zip(now, (a, b) => Math.Abs(b - a)).Average();
}
