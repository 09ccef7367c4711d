namespace MiniDL.Layers;

/// <summary>
/// Data-dependent initialization of weight-normalized nets: one batch sets lengths and biases so that every layer's outputs have
/// mean 0 and variance 1 over that batch, as with batch normalization. With <c>t = v·x / ‖v‖</c>, layer by layer,
/// <c>g = 1/σ[t]</c>, <c>b = −μ[t]/σ[t]</c> for each output. Salimans and Kingma 2016, §3.
/// </summary>
/// <example><code>
/// var model = new ResNet(20, NormFactory.Named("wn"), random);
/// DataDependentInit.Run(model, images, random);
/// </code></example>
public static class DataDependentInit
{
    /// <summary>The paper's standard deviation of the directions v.</summary>
    private const double DirectionStd = 0.05;

    /// <summary>Initializes every layer of a model whose <c>weight</c> has a <see cref="WeightNorm"/> with one length per output.</summary>
    /// <param name="model">Its convolutions and linear layers are set; without a bias, only the length is. Other layers run as they are.</param>
    /// <param name="x">A batch of inputs: a few hundred samples.</param>
    /// <param name="random">If given, directions v ~ N(0, 0.05²) are drawn from it first, as in the paper; by default they are kept.</param>
    /// <exception cref="MiniDLException">No layer is weight-normalized, or an output is the same for the whole batch.</exception>
    public static void Run(Module model, Tensor x, RandomStream? random = null)
    {
        WeightNorm[] norms = [.. model.NamedModules().Select(m => m.Module).OfType<WeightNorm>()];
        if (norms.Length == 0)
            throw new MiniDLException("[data_dependent_init] the model has no weight-normalized layer. Use WeightNorm.Apply, or --norm wn.");
        List<IDisposable> hooks = [];
        HashSet<Module> done = [];
        try
        {
            foreach (var norm in norms)
            {
                var layer = norm.Parent!;
                if (random is not null) Init.Normal(norm.Direction, random, std: DirectionStd);
                Init.Constant(norm.Length, 1);
                if (BiasOf(layer) is { } bias) Init.Constant(bias, 0);
                hooks.Add(layer.OnForward((_, _, t) => done.Add(layer) ? Initialized(layer, norm, t) : null));
            }
            using var noGrad = new NoGrad();
            using var step = Scope.Step();
            model.Forward(x);
        }
        finally
        {
            foreach (var hook in hooks) hook.Dispose();
        }
    }

    /// <summary>Sets a layer's length and bias from its t, and returns the layer's output with them.</summary>
    private static Tensor Initialized(Module layer, WeightNorm norm, Tensor t)
    {
        int channel = layer is Linear ? t.Rank - 1 : 1;
        Check.That(norm.Length.Value.Count == t.Shape[channel], "data_dependent_init",
            $"{layer} has {norm.Length.Value.Count} lengths for {t.Shape[channel]} outputs. Use WeightNorm.Apply with dim: 0.");
        int[] others = [.. Enumerable.Range(0, t.Rank).Where(dim => dim != channel)];
        var mean = t.Mean(others, keepDim: true);
        var deviation = (t - mean).Square().Mean(others, keepDim: true).Sqrt();
        double[] means = mean.ToArray<double>(), deviations = deviation.ToArray<double>();
        int constant = Array.FindIndex(deviations, d => !(d > 0));
        if (constant >= 0)
            throw new MiniDLException(Check.Line("data_dependent_init",
                $"output {constant} of {layer} is the same for the whole batch {t.Shape}, or not finite. Use a larger batch."));
        Upload([.. deviations.Select(d => 1 / d)], norm.Length);
        if (BiasOf(layer) is not { } bias) return t / deviation;
        Upload([.. means.Zip(deviations, (m, d) => -m / d)], bias);
        return (t - mean) / deviation;
    }

    private static Parameter? BiasOf(Module layer) => layer switch
    {
        Conv2d conv => conv.Bias,
        Linear linear => linear.Bias,
        _ => null,
    };

    private static void Upload(double[] values, Parameter parameter) =>
        parameter.Value.Assign(values);
}
