namespace MiniDL.Layers;

/// <summary>
/// Weight normalization of any layer's weight: <c>w = g · v / ‖v‖</c>; the length g and the direction v are learned separately. Salimans
/// and Kingma 2016.
/// </summary>
/// <remarks>
/// Initially v = w and g = ‖w‖, so nothing changes. State, in place of the weight: <c>parametrizations.weight.original0</c> (g) and
/// <c>parametrizations.weight.original1</c> (v); PyTorch's older <c>weight_g</c> and <c>weight_v</c> are accepted when loading.
/// </remarks>
/// <example><code>var layer = WeightNorm.Apply(new Linear(2, 16));</code></example>
public sealed class WeightNorm : Reparametrization
{
    private readonly int[] _dims;

    private WeightNorm(Tensor weight, int[] dims)
    {
        _dims = dims;
        using var noGrad = new NoGrad();
        Length = RegisterParameter("original0", LengthOf(weight));
        Direction = RegisterParameter("original1", weight.Clone());
    }

    /// <summary>g, of size 1 in every dimension but the given one; a scalar if the whole weight has one length.</summary>
    public Parameter Length { get; }

    /// <summary>v, of the weight's shape.</summary>
    public Parameter Direction { get; }

    /// <summary>Normalizes a weight of a module from now on.</summary>
    /// <param name="module">Any module with such a parameter.</param>
    /// <param name="parameter">Its name.</param>
    /// <param name="dim">The dimension with one length per index, usually 0, the outputs; null uses one length for the whole weight.</param>
    /// <returns>The module.</returns>
    /// <exception cref="MiniDLException">There is no such parameter, or it is already computed.</exception>
    /// <exception cref="ShapeException">The weight has no such dimension.</exception>
    public static T Apply<T>(T module, string parameter = "weight", int? dim = 0) where T : Module
    {
        var weight = module.LearnedParameter(parameter).Value;
        int kept = dim is { } d ? weight.Shape.Dimension(d, "weight_norm") : -1;
        int[] dims = [.. Enumerable.Range(0, weight.Rank).Where(i => i != kept)];
        module.Reparametrize(parameter, new WeightNorm(weight.Detach(), dims));
        return module;
    }

    /// <summary>Makes the weight an ordinary parameter again, with its current value.</summary>
    /// <exception cref="MiniDLException">The parameter is not weight-normalized.</exception>
    public static T Remove<T>(T module, string parameter = "weight") where T : Module
    {
        module.RemoveReparametrization<WeightNorm>(parameter);
        return module;
    }

    /// <inheritdoc/>
    /// <remarks>A direction of zeros, as left by pruning, gives zeros, and no gradient flows into its v and g.</remarks>
    public override Tensor Compute()
    {
        var v = Direction.Value;
        var length = _dims.Length == 0 ? v.Abs() : SumOfSquares(v);
        var isDirection = length.OneWherePositive();
        // Where v is 0, NormRoot returns a tiny positive length instead: the factor isDirection then gives 0, not 0/0.
        length = _dims.Length == 0 ? (v * v).NormRoot() : length.NormRoot();
        return v * (Length.Value * isDirection / length);
    }

    /// <inheritdoc/>
    internal override string? LegacyKey(string parameter) => parameter switch
    {
        "original0" => $"{Name["parametrizations.".Length..]}_g",
        "original1" => $"{Name["parametrizations.".Length..]}_v",
        _ => null,
    };

    private Tensor LengthOf(Tensor v) => _dims.Length == 0 ? v.Abs() : SumOfSquares(v).Sqrt();

    private Tensor SumOfSquares(Tensor v) => v.Square().Sum(_dims, keepDim: _dims.Length < v.Rank);
}
