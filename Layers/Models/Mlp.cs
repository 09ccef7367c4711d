
namespace MiniDL.Layers;

/// <summary>
/// A multilayer perceptron: linear → norm → ReLU for every hidden layer, then a linear layer. Images are flattened first.
/// </summary>
/// <remarks>
/// State: <c>linears.I</c>, <c>norms.I</c>. Linear layers start as in PyTorch and have a bias; with weight normalization the hidden
/// ones are normalized.
/// </remarks>
/// <example><code>var model = new Mlp([2, 32, 32, 2], NormFactory.Named("bn"), random);</code></example>
public sealed class Mlp : Module
{
    private readonly Sequential _linears, _norms;

    /// <summary>Makes the net.</summary>
    /// <param name="sizes">The number of inputs, the features of every hidden layer, and the number of outputs: <c>[784, 100, 100, 10]</c>.</param>
    /// <param name="norm">The norm after every linear layer but the last.</param>
    /// <param name="random">Source of the initial values.</param>
    /// <exception cref="MiniDLException">There are fewer than two sizes, or the norm cannot normalize features.</exception>
    public Mlp(ReadOnlySpan<int> sizes, NormFactory norm, RandomStream random)
    {
        if (sizes.Length < 2) throw new MiniDLException("[mlp] sizes need at least two numbers, those of the inputs and of the outputs.");
        List<Module> linears = [], norms = [];
        for (int i = 1; i < sizes.Length; i++)
        {
            var linear = new Linear(sizes[i - 1], sizes[i], random: random);
            bool hidden = i < sizes.Length - 1;
            linears.Add(hidden ? norm.Normalized(linear) : linear);
            if (hidden) norms.Add(norm.CreateForFeatures(sizes[i]));
        }
        _linears = Register("linears", new Sequential([.. linears]));
        _norms = Register("norms", new Sequential([.. norms]));
    }

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        if (x.Rank > 2) x = x.Flatten();
        for (int i = 0; i < _norms.Count; i++)
            x = ((Norm)_norms[i]).Forward(_linears[i].Forward(x), activation: Activation.Relu);
        return _linears[^1].Forward(x);
    }
}
