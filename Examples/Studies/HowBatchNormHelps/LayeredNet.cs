using MiniDL.Layers;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>
/// A net as its layers W_1 … W_k in their order, each with the norm after it; numbers start at 1, as in the paper.
/// </summary>
internal sealed class LayeredNet
{
    private readonly IReadOnlyList<Module> _layers;
    private readonly IReadOnlyList<Norm> _norms;

    public LayeredNet(Vgg net) => (Module, _layers, _norms) = (net, net.Layers, net.Norms);

    public LayeredNet(DeepLinearNet net) => (Module, _layers, _norms) = (net, net.Layers, net.Norms);

    public Module Module { get; }

    public int Depth => _layers.Count;

    public IReadOnlyList<Norm> Norms => _norms;

    /// <summary>What stands after a layer: what goes into the activation comes out of it.</summary>
    /// <exception cref="MiniDLException">It is the last layer, after which there is nothing, or there is no such
    /// layer.</exception>
    public Norm NormOf(int layer) => layer >= 1 && layer <= _norms.Count
        ? _norms[layer - 1]
        : throw new MiniDLException($"[study] a norm stands after the layers 1 to {_norms.Count}, not after layer {layer}.");

    public Parameter WeightOf(int layer) => _layers[layer - 1] switch
    {
        Conv2d convolution => convolution.Weight,
        Linear linear => linear.Weight,
        var other => throw new MiniDLException($"[study] {other} has no weight."),
    };

    /// <summary>Weight and bias of a layer, and those of the norm after it.</summary>
    public IEnumerable<Parameter> ParametersOf(int layer) =>
        [.. _layers[layer - 1].Parameters(), .. layer <= _norms.Count ? _norms[layer - 1].Parameters() : []];
}
