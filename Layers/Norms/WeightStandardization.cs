namespace MiniDL.Layers;

/// <summary>
/// Weight standardization: the weights of every output are centred and divided by their standard deviation before use,
/// <c>w = (v − mean) / (std + eps)</c>, with mean and unbiased std taken over all dimensions but the first. Qiao et al. 2019, who
/// combine it with <see cref="GroupNorm"/> for small batches.
/// </summary>
/// <remarks>
/// std and eps are as in the authors' code. Weights [out, in, …kernel] keep their shape. State, in place of the weight:
/// <c>parametrizations.weight.original</c> (v), PyTorch's name for such computations; a plain <c>weight</c>, as in the authors' code, is
/// accepted when loading. A filter whose weights are all equal gives zeros, and its gradient is that of centring, divided by eps.
/// </remarks>
/// <example><code>var conv = WeightStandardization.Apply(new Conv2d(3, 16, 3));</code></example>
public sealed class WeightStandardization : Reparametrization
{
    private const string Operation = "weight_standardization";

    private readonly double _eps;

    private WeightStandardization(Tensor weight, double eps)
    {
        _eps = eps;
        Original = RegisterParameter("original", weight.Clone());
    }

    /// <summary>v, of the weight's shape.</summary>
    public Parameter Original { get; }

    /// <summary>Standardizes a weight of a module from now on.</summary>
    /// <param name="module">Any module with such a parameter.</param>
    /// <param name="parameter">Its name.</param>
    /// <param name="eps">Added to the standard deviation.</param>
    /// <returns>The module.</returns>
    /// <exception cref="MiniDLException">There is no such parameter, or it is already computed.</exception>
    /// <exception cref="ShapeException">An output has fewer than two weights.</exception>
    public static T Apply<T>(T module, string parameter = "weight", double eps = 1e-5) where T : Module
    {
        var weight = module.LearnedParameter(parameter).Value;
        Check.That(weight.Rank >= 2 && weight.Count / weight.Shape[0] > 1, Operation,
            $"{parameter} {weight.Shape} should be [out, in, …kernel] with more than one weight for each output.");
        Check.That(eps >= 0, Operation, $"eps {eps} must not be negative.");
        module.Reparametrize(parameter, new WeightStandardization(weight.Detach(), eps));
        return module;
    }

    /// <inheritdoc/>
    public override Tensor Compute()
    {
        var v = Original.Value;
        int[] dims = [.. Enumerable.Range(1, v.Rank - 1)];
        int n = v.Count / v.Shape[0];
        var centred = v - v.Mean(dims, keepDim: true);
        var deviation = (centred.Square().Sum(dims, keepDim: true) / (n - 1)).NormRoot();
        return centred / (deviation + _eps);
    }

    /// <inheritdoc/>
    internal override string? LegacyKey(string parameter) => parameter == "original" ? Name["parametrizations.".Length..] : null;
}
