
namespace MiniDL.Layers;

/// <summary>
/// Modules that run one after the other, named <c>0</c>, <c>1</c>, … as in PyTorch. A norm followed by <see cref="Relu"/> runs as one
/// fused operator, unless either has a forward hook or the norm has its own activation: then both run.
/// </summary>
/// <example><code>
/// var model = new Sequential(new Conv2d(3, 16, 3, padding: 1), new Relu(), new GlobalAvgPool2d(), new Linear(16, 10));
/// </code></example>
public sealed class Sequential : Module
{
    /// <summary>Makes the chain, in the order in which the modules run.</summary>
    public Sequential(params ReadOnlySpan<Module> modules)
    {
        foreach (var module in modules) Register($"{Children.Count}", module);
    }

    /// <summary>The number of modules.</summary>
    public int Count => Children.Count;

    /// <summary>The module at an index.</summary>
    public Module this[int index] => Children[index];

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        for (int i = 0; i < Count; i++)
        {
            if (this[i] is Norm { IncludesActivation: false } norm && i + 1 < Count && this[i + 1] is Relu { HasHooks: false })
            {
                x = norm.Forward(x, activation: Activation.Relu);
                i++;
            }
            else x = this[i].Forward(x);
        }
        return x;
    }
}
