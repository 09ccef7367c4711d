namespace MiniDL.Layers;

/// <summary>What follows a layer, for <see cref="Init.Gain"/>.</summary>
/// <example><code>double gain = Init.Gain(Nonlinearity.Relu);      // √2</code></example>
public enum Nonlinearity
{
    /// <summary>Nothing; convolutions count as linear too.</summary>
    Linear,

    /// <summary>1 / (1 + e⁻ˣ).</summary>
    Sigmoid,

    /// <summary>The hyperbolic tangent.</summary>
    Tanh,

    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>max(x, slope · x).</summary>
    LeakyRelu,
}

/// <summary>Which fan, the number of connections, keeps the variance constant through a layer.</summary>
/// <example><code>Init.KaimingNormal(conv.Weight, random, FanMode.FanOut);</code></example>
public enum FanMode
{
    /// <summary>The inputs of one output: keeps the variance in the forward pass.</summary>
    FanIn,

    /// <summary>The outputs of one input: keeps the variance in the backward pass.</summary>
    FanOut,
}

/// <summary>
/// Initial values of weights [out, in, …kernel], by PyTorch's formulas. With fan_in = in · kernel and fan_out = out · kernel:
/// Kaiming has std = gain / √fan (He et al. 2015), Xavier has std = gain · √(2 / (fan_in + fan_out)) (Glorot and Bengio 2010). The
/// uniform forms have the same std, that is, the bound √3 · std.
/// </summary>
/// <example><code>Init.KaimingNormal(conv.Weight, random, FanMode.FanOut, Nonlinearity.Relu);</code></example>
public static class Init
{
    private static long _layersWithoutStream;

    /// <summary>Normal values with std = gain / √fan.</summary>
    /// <param name="parameter">A weight with at least two dimensions; its values are overwritten.</param>
    /// <param name="random">Source of the values.</param>
    /// <param name="mode">Which fan.</param>
    /// <param name="nonlinearity">What follows the layer; PyTorch's default, leaky ReLU with slope 0, has the gain √2.</param>
    /// <param name="negativeSlope">The slope of a leaky ReLU.</param>
    public static void KaimingNormal(Parameter parameter, RandomStream random, FanMode mode = FanMode.FanIn,
        Nonlinearity nonlinearity = Nonlinearity.LeakyRelu, double negativeSlope = 0) =>
        Normal(parameter, random, std: KaimingStd(parameter, mode, nonlinearity, negativeSlope));

    /// <summary>Uniform values with std = gain / √fan.</summary>
    /// <inheritdoc cref="KaimingNormal"/>
    public static void KaimingUniform(Parameter parameter, RandomStream random, FanMode mode = FanMode.FanIn,
        Nonlinearity nonlinearity = Nonlinearity.LeakyRelu, double negativeSlope = 0)
    {
        double bound = Math.Sqrt(3) * KaimingStd(parameter, mode, nonlinearity, negativeSlope);
        Uniform(parameter, random, -bound, bound);
    }

    /// <summary>Normal values with std = gain · √(2 / (fan_in + fan_out)).</summary>
    /// <inheritdoc cref="KaimingNormal"/>
    public static void XavierNormal(Parameter parameter, RandomStream random, double gain = 1) =>
        Normal(parameter, random, std: XavierStd(parameter, gain));

    /// <summary>Uniform values with std = gain · √(2 / (fan_in + fan_out)).</summary>
    /// <inheritdoc cref="KaimingNormal"/>
    public static void XavierUniform(Parameter parameter, RandomStream random, double gain = 1)
    {
        double bound = Math.Sqrt(3) * XavierStd(parameter, gain);
        Uniform(parameter, random, -bound, bound);
    }

    /// <summary>Normal values.</summary>
    public static void Normal(Parameter parameter, RandomStream random, double mean = 0, double std = 1) =>
        Fill(parameter, () => mean + std * random.NextNormal());

    /// <summary>Uniform values in [low, high).</summary>
    public static void Uniform(Parameter parameter, RandomStream random, double low = 0, double high = 1) =>
        Fill(parameter, () => low + (high - low) * random.NextDouble());

    /// <summary>One value everywhere.</summary>
    public static void Constant(Parameter parameter, double value) => Fill(parameter, () => value);

    /// <summary>
    /// The factor on the weights' std that keeps the variance through the nonlinearity: linear and sigmoid 1, tanh 5/3,
    /// ReLU √2, leaky ReLU √(2 / (1 + slope²)).
    /// </summary>
    public static double Gain(Nonlinearity nonlinearity, double negativeSlope = 0.01) => nonlinearity switch
    {
        Nonlinearity.Tanh => 5.0 / 3,
        Nonlinearity.Relu => Math.Sqrt(2),
        Nonlinearity.LeakyRelu => Math.Sqrt(2 / (1 + negativeSlope * negativeSlope)),
        _ => 1,
    };

    /// <summary>For a weight [out, in, …kernel]: how many inputs each output has, and how many outputs each input has.</summary>
    /// <exception cref="ShapeException">The shape has fewer than two dimensions.</exception>
    public static (int In, int Out) Fans(Shape shape)
    {
        Check.That(shape.Rank >= 2, "init", $"a weight {shape} has no fan; it should be [out, in, …kernel]. Use Normal, Uniform or Constant.");
        int kernel = shape.Product(2, shape.Rank);
        return (shape[1] * kernel, shape[0] * kernel);
    }

    /// <summary>
    /// Uniform in ±1/√fan_in: how PyTorch initializes the weights of Linear and Conv2d (Kaiming uniform with slope √5) and their biases.
    /// </summary>
    internal static Tensor Default(Shape shape, int fanIn, RandomStream random)
    {
        double bound = 1 / Math.Sqrt(fanIn);
        return Tensor.Uniform(shape, random, -bound, bound);
    }

    /// <summary>
    /// The stream of a layer that was given none: a different one for every layer of the program, so no two layers start alike.
    /// </summary>
    internal static RandomStream Stream(RandomStream? random) =>
        random ?? new RandomStream(0).Fork("layer", (ulong)Interlocked.Increment(ref _layersWithoutStream));

    private static double KaimingStd(Parameter parameter, FanMode mode, Nonlinearity nonlinearity, double negativeSlope)
    {
        var (fanIn, fanOut) = Fans(parameter.Shape);
        return Gain(nonlinearity, negativeSlope) / Math.Sqrt(mode == FanMode.FanIn ? fanIn : fanOut);
    }

    private static double XavierStd(Parameter parameter, double gain)
    {
        var (fanIn, fanOut) = Fans(parameter.Shape);
        return gain * Math.Sqrt(2.0 / (fanIn + fanOut));
    }

    private static void Fill(Parameter parameter, Func<double> next)
    {
        if (parameter.ComputedBy is not null)
            throw new MiniDLException($"[init] {parameter.Name} is computed from other parameters; initialize it before, or those.");
        var values = new double[parameter.Shape.Count];
        for (int i = 0; i < values.Length; i++) values[i] = next();
        var target = parameter.Value;
        target.Assign(values);
    }
}
