using System.Numerics.Tensors;
using MiniDL.Layers;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>
/// Noise that shifts and scales activations, differently in every step: covariate shift by force. Santurkar et al. 2018,
/// appendix, algorithm 1. In each step every unit j draws <c>μ ~ U(−n_μ, n_μ)</c> and <c>σ ~ U(1, n_σ)</c>, and every value of
/// it, by sample and position, <c>m ~ U(μ − r_μ, μ + r_μ)</c> and <c>s ~ N(σ, r_σ)</c>: <c>y = s · x + m</c>. In evaluation
/// mode <c>y = x</c>.
/// </summary>
/// <remarks>
/// n_μ = 0.5, n_σ = 1.25, r_μ = r_σ = 0.1. The paper does not say whether r_σ is a deviation or a variance: here it is the
/// deviation, as r_μ is a half-width. The draws for single values are read from a table of 262,139 at a place that is drawn in
/// each step, because a step needs millions of them.
/// </remarks>
internal sealed class CovariateShiftNoise(RandomStream random) : Module
{
    private const double MeanRange = 0.5, LargestScale = 1.25;
    private const float Spread = 0.1f;
    private const int TableLength = 262_139;

    private static readonly Lazy<float[]> Uniform = new(() => Table("uniform", stream => 2 * stream.NextDouble() - 1));
    private static readonly Lazy<float[]> Normal = new(() => Table("normal", stream => stream.NextNormal()));

    /// <summary>Puts noise after every norm of a net, before the activation.</summary>
    public static void AddTo(LayeredNet net, RandomStream random)
    {
        foreach (var (index, norm) in net.Norms.Index())
        {
            var noise = new CovariateShiftNoise(random.Fork("layer", (ulong)index));
            norm.OnForward((module, _, y) =>
            {
                noise.Train(module.Training);
                return noise.Forward(y);
            });
        }
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        if (!Training) return x;
        int samples = x.Shape[0], units = x.Shape[1], positions = x.Count / (samples * units);
        var (means, scales) = (new float[units], new float[units]);
        for (int unit = 0; unit < units; unit++)
        {
            means[unit] = (float)(MeanRange * (2 * random.NextDouble() - 1));
            scales[unit] = (float)(1 + (LargestScale - 1) * random.NextDouble());
        }
        float[] shift = Around(means, samples, positions, Uniform.Value);
        float[] scale = Around(scales, samples, positions, Normal.Value);
        return x * Tensor.From(scale, x.Shape, x.Device) + Tensor.From(shift, x.Shape, x.Device);
    }

    /// <summary>
    /// For every sample, unit and position the unit's centre, and beside it Spread times a number from the table.
    /// </summary>
    private float[] Around(float[] centres, int samples, int positions, float[] table)
    {
        var values = new float[samples * centres.Length * positions];
        int at = random.NextInt(table.Length);
        for (int start = 0, row = 0; start < values.Length; row++)
            for (int end = start + positions, count; start < end; start += count)
            {
                count = Math.Min(end - start, table.Length - at);
                var part = values.AsSpan(start, count);
                TensorPrimitives.Multiply(table.AsSpan(at, count), Spread, part);
                TensorPrimitives.Add(part, centres[row % centres.Length], part);
                at = (at + count) % table.Length;
            }
        return values;
    }

    private static float[] Table(string name, Func<RandomStream, double> draw)
    {
        var stream = new RandomStream(0).Fork(name);
        var table = new float[TableLength];
        for (int i = 0; i < table.Length; i++) table[i] = (float)draw(stream);
        return table;
    }
}
