namespace MiniDL.Layers;

/// <summary>Rectified linear unit, <c>y = max(x, 0)</c>.</summary>
/// <example><code>var model = new Sequential(new Linear(2, 16), new Relu(), new Linear(16, 2));</code></example>
public sealed class Relu : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Relu();
}

/// <summary>Leaky rectified linear unit, <c>y = x</c> where x &gt; 0, else <c>slope · x</c>.</summary>
/// <param name="negativeSlope">The slope left of 0.</param>
/// <example><code>var model = new Sequential(new Linear(2, 16), new LeakyRelu(0.1), new Linear(16, 2));</code></example>
public sealed class LeakyRelu(double negativeSlope = 0.01) : Module
{
    /// <summary>The slope left of 0.</summary>
    public double NegativeSlope => negativeSlope;

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.LeakyRelu(negativeSlope);
}

/// <summary>Logistic function, <c>y = 1 / (1 + e⁻ˣ)</c>.</summary>
/// <example><code>var model = new Sequential(new Linear(2, 16), new Sigmoid(), new Linear(16, 2));</code></example>
public sealed class Sigmoid : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Sigmoid();
}

/// <summary>Hyperbolic tangent, <c>y = tanh x</c>.</summary>
/// <example><code>var model = new Sequential(new Linear(2, 16), new Tanh(), new Linear(16, 2));</code></example>
public sealed class Tanh : Module
{
    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x) => x.Tanh();
}
