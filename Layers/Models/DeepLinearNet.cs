namespace MiniDL.Layers;

/// <summary>
/// A deep linear net, <c>W_k · … · W_1 · x</c>: square linear layers without bias and without activations. Without norms it is
/// one linear map, though not one that is easy to learn. Santurkar et al. 2018 study optimization with 25 layers of
/// 10×10.
/// </summary>
/// <remarks>
/// There is a norm after every layer but the last; the paper does not say where. Weights start Glorot-normal. State:
/// <c>layers.I.weight</c> and <c>norms.I</c>. 25 layers of 10×10 have 2,500 parameters, and 480 more with batch
/// normalization.
/// </remarks>
/// <example><code>var model = new DeepLinearNet(NormFactory.Named("none"), random, depth: 25, features: 10);</code></example>
public sealed class DeepLinearNet : Module
{
    private readonly Sequential _layers, _norms;

    /// <summary>Makes the net.</summary>
    /// <param name="norm">The norm after every layer but the last.</param>
    /// <param name="random">Source of the initial values.</param>
    /// <param name="depth">The number of layers, k.</param>
    /// <param name="features">The number of inputs and outputs of every layer.</param>
    /// <exception cref="MiniDLException">The depth is not positive, or the norm cannot normalize features.</exception>
    /// <exception cref="ShapeException">There are no features.</exception>
    public DeepLinearNet(NormFactory norm, RandomStream random, int depth = 25, int features = 10)
    {
        if (depth < 1) throw new MiniDLException($"[deep_linear_net] depth {depth} must be at least 1.");
        List<Module> layers = [], norms = [];
        for (int i = 0; i < depth; i++)
        {
            var linear = new Linear(features, features, bias: false, random: random.Fork("unused"));
            Init.XavierNormal(linear.Weight, random);
            bool last = i == depth - 1;
            layers.Add(last ? linear : norm.Normalized(linear));
            if (!last) norms.Add(norm.CreateForFeatures(features));
        }
        _layers = Register("layers", new Sequential([.. layers]));
        _norms = Register("norms", new Sequential([.. norms]));
    }

    /// <summary>The linear layers, <c>W_1</c> first.</summary>
    public IReadOnlyList<Module> Layers => _layers.Children;

    /// <summary>The norm after each of <see cref="Layers"/> but the last.</summary>
    public IReadOnlyList<Norm> Norms => [.. _norms.Children.Cast<Norm>()];

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        for (int i = 0; i < _norms.Count; i++) x = _norms[i].Forward(_layers[i].Forward(x));
        return _layers[^1].Forward(x);
    }
}
