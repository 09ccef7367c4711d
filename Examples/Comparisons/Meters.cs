using MiniDL.Backends;
using MiniDL.Layers;

namespace MiniDL.Examples.Comparisons;

/// <summary>
/// How far the statistics that a batch norm uses in training are from those it uses in evaluation, as root mean squares over
/// its channels and some batches: <c>Mean = rms (μ_B − μ_run) / √(σ²_run + eps)</c>, in running standard deviations, and
/// <c>Variance = rms ln((σ²_B + eps) / (σ²_run + eps))</c>; 0 where training and evaluation compute the same.
/// </summary>
/// <remarks>
/// μ_B and the biased σ²_B are the batch's, which normalize it; μ_run and the unbiased σ²_run the running averages. A mean
/// distance of 0.1 moves every normalized value of a channel by 0.1; a variance distance of 0.2 scales them by about 10 %.
/// </remarks>
internal readonly record struct StatisticsDistance(double Mean, double Variance)
{
    public static StatisticsDistance Nothing { get; } = new(double.NaN, double.NaN);

    /// <summary>The mean over layers; nothing for none.</summary>
    public static StatisticsDistance Average(IEnumerable<StatisticsDistance> layers)
    {
        StatisticsDistance[] all = [.. layers];
        return all.Length == 0 ? Nothing : new(all.Average(d => d.Mean), all.Average(d => d.Variance));
    }
}

/// <summary>
/// Watches a batch norm in training mode, whose running statistics stay as they are meanwhile, until it is disposed.
/// </summary>
internal sealed class StatisticsMeter : IDisposable
{
    private readonly BatchNorm _norm;
    private readonly double[] _mean, _variance;
    private double _means, _variances;
    private long _count;

    private StatisticsMeter(BatchNorm norm)
    {
        _norm = norm;
        (_mean, _variance) = (norm.RunningMean!.Value.ToArray<double>(), norm.RunningVar!.Value.ToArray<double>());
        norm.StatisticsObserver = Add;
    }

    public StatisticsDistance Distance => new(Math.Sqrt(_means / _count), Math.Sqrt(_variances / _count));

    /// <summary>A meter for every batch norm that keeps running statistics, by its path.</summary>
    public static OrderedDictionary<string, StatisticsMeter> OfAll(Module model) => new(
        model.NamedModules().Where(m => m.Module is BatchNorm { RunningMean: not null })
            .Select(m => KeyValuePair.Create(m.Path, new StatisticsMeter((BatchNorm)m.Module))));

    public void Dispose() => _norm.StatisticsObserver = null;

    private void Add(Tensor mean, Tensor variance, NormGeometry geometry)
    {
        double[] means = mean.ToArray<double>(), variances = variance.ToArray<double>();
        for (int i = 0; i < means.Length; i++)
        {
            int channel = i % _mean.Length;
            double spread = _variance[channel] + _norm.Eps;
            double apart = means[i] - _mean[channel], ratio = Math.Log((variances[i] + _norm.Eps) / spread);
            _means += apart * apart / spread;
            _variances += ratio * ratio;
        }
        _count += means.Length;
    }
}

/// <summary>
/// Takes gradients of losses, beside those of training, and averages their ℓ2 norms, by layer and of the whole.
/// </summary>
internal sealed class GradientMeter
{
    private readonly (string Layer, Tensor Value)[] _parameters;
    private readonly (string Name, string Type)[] _layers;
    private readonly double[] _sums;
    private double _whole;
    private int _count;

    public GradientMeter(Module model)
    {
        _parameters = [.. model.NamedParameters().Select(p => (LayerOf(p.Path), p.Parameter.Value))];
        var types = model.NamedModules().ToDictionary(m => m.Path, m => m.Module.GetType().Name);
        _layers = [.. _parameters.Select(p => p.Layer).Distinct().Select(layer => (layer, types[layer]))];
        _sums = new double[_layers.Length];
    }

    /// <summary>The mean norm of the gradient of all parameters together.</summary>
    public double Whole => _whole / _count;

    /// <summary>The mean norm for each layer, in the order of the model.</summary>
    public IEnumerable<(string Name, string Type, double Norm)> Norms =>
        _layers.Select((layer, i) => (layer.Name, layer.Type, _sums[i] / _count));

    public void Add(Tensor loss)
    {
        var gradients = Autograd.Grad(loss, [.. _parameters.Select(p => p.Value)]);
        var squares = new double[_layers.Length];
        for (int i = 0; i < gradients.Length; i++)
        {
            int layer = Array.FindIndex(_layers, layer => layer.Name == _parameters[i].Layer);
            squares[layer] += gradients[i].ToArray<double>().Sum(g => g * g);
        }
        for (int i = 0; i < squares.Length; i++) _sums[i] += Math.Sqrt(squares[i]);
        _whole += Math.Sqrt(squares.Sum());
        _count++;
    }

    /// <summary>The path of the module that a parameter, or what it is computed from, belongs to.</summary>
    private static string LayerOf(string path)
    {
        int end = path.IndexOf(".parametrizations.", StringComparison.Ordinal);
        return path[..(end >= 0 ? end : Math.Max(path.LastIndexOf('.'), 0))];
    }
}
