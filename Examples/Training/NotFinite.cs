using MiniDL.Layers;

namespace MiniDL.Examples.Training;

/// <summary>What is known of a loss that is not finite.</summary>
/// <param name="What">Where it comes from, a part of a sentence.</param>
/// <param name="Remedy">What to do, a sentence; null where the learning rate is the first thing to change.</param>
internal sealed record NotFinite(string What, string? Remedy = null)
{
    /// <summary>
    /// Looks for where it begins: in the images, in the weights, then in one repeated forward pass with exact convolutions, which
    /// carry a value that is not finite no further than their windows. The model's state stays as it is.
    /// </summary>
    /// <returns>Null where everything is finite.</returns>
    public static NotFinite? Find(Module model, Tensor images)
    {
        if (images.FirstNotFinite() is { } pixel)
            return new NotFinite($"the images themselves are not finite, {pixel}", "Check the data and how it is scaled.");
        foreach (var (path, parameter) in model.NamedParameters())
            if (parameter.Value.FirstNotFinite() is { } value)
                return new NotFinite($"{path} is not finite any more, {value}: the update before this batch overflowed");
        // In training they are a result of the pass, not a part of it.
        foreach (var (path, buffer) in model.Training ? [] : model.NamedBuffers())
            if (buffer.Value.FirstNotFinite() is { } value)
                return new NotFinite($"{path} is not finite, {value}: a batch of training had statistics that overflowed");
        return InForward(model, images, ConvAlgorithm.Exact) ?? InForward(model, images, ConvAlgorithm.Fastest) switch
        {
            { } fast => fast with
            {
                What = $"{fast.What}; with exact convolutions every output is finite",
                Remedy = "Set MINIDL_CONV_ALGORITHM=exact, or use smaller values: see Conv2d.",
            },
            null => null,
        };
    }

    private static NotFinite? InForward(Module model, Tensor images, ConvAlgorithm algorithm)
    {
        NotFinite? first = null;
        using var noGrad = new NoGrad();
        using var kept = new KeptBuffers(model);
        List<IDisposable> hooks = [];
        // Other runs may be training beside this one.
        using var onThisThread = ConvDefaults.OnThisThread(algorithm);
        try
        {
            // Children end before their parents, so that the first hook that sees it is that of the innermost module.
            foreach (var (_, module) in model.NamedModules().Where(m => m.Module is not Reparametrization))
                hooks.Add(module.OnForward((module, x, y) =>
                {
                    if (first is null && y.FirstNotFinite() is { } value) first = Describe(module, x, value);
                    return null;
                }));
            model.Forward(images);
        }
        finally
        {
            foreach (var hook in hooks) hook.Dispose();
        }
        return first;
    }

    private static NotFinite Describe(Module module, Tensor x, string value)
    {
        string parameters = string.Join(", ", module.NamedParameters().Select(p => $"{p.Path} to {Largest(p.Parameter.Value):G3}"));
        return new NotFinite(FormattableString.Invariant($"the first output that is not finite is that of {Name(module)}, {value}; its input ")
            + FormattableString.Invariant($"reaches to {Largest(x):G3}{(parameters.Length == 0 ? "" : ", " + parameters)}"));
    }

    private static float Largest(Tensor x) => x.Count == 0 ? 0 : x.Abs().Max().Item();

    private static string Name(Module module) => module.Path.Length == 0 ? "the model" : $"{module.Path} ({module.GetType().Name})";
}
