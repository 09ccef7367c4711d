using MiniDL.Layers;

namespace MiniDL.Examples.Studies.HowBatchNormHelps;

/// <summary>
/// A look at a net elsewhere than where it stands: until it ends, parameters may be moved along their gradients, and forward
/// passes may count into running statistics. Then everything is again as it was, bit for bit: the parameters' tensors are put
/// back themselves, the buffers from copies. Gradients are not touched.
/// </summary>
internal sealed class Excursion : IDisposable
{
    private readonly Module _net;
    private readonly Dictionary<Parameter, (Tensor Value, Tensor Gradient)> _start = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, Tensor> _buffers;

    /// <param name="net">A net whose parameters have gradients.</param>
    public Excursion(Module net)
    {
        _net = net;
        foreach (var parameter in net.Parameters())
        {
            var gradient = parameter.Grad
                ?? throw new MiniDLException($"[study] {parameter.Name} has no gradient; measure between Backward() and Step().");
            _start.Add(parameter, (parameter.Value, gradient));
        }
        _buffers = net.NamedBuffers().ToDictionary(buffer => buffer.Path, buffer => buffer.Buffer.Value.Clone());
    }

    /// <summary>The gradient of the loss where the net stands.</summary>
    public Tensor GradientOf(Parameter parameter) => _start[parameter].Gradient;

    /// <summary>Puts parameters to <c>start − length · gradient</c>.</summary>
    public void Move(IEnumerable<Parameter> parameters, double length)
    {
        using var noGrad = new NoGrad();
        foreach (var parameter in parameters)
        {
            var (value, gradient) = _start[parameter];
            parameter.Value = value.Detach() - gradient * (float)length;
        }
    }

    public void Dispose()
    {
        foreach (var (parameter, (value, _)) in _start) parameter.Value = value;
        _net.LoadStateDict(_buffers, strict: false);
    }
}
