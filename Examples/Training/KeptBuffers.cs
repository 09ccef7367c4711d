using MiniDL.Layers;

namespace MiniDL.Examples.Training;

/// <summary>The buffers of a model, such as running statistics, as they are now; put back by <see cref="Dispose"/>.</summary>
internal sealed class KeptBuffers(Module model) : IDisposable
{
    private readonly Dictionary<string, Tensor> _values =
        model.NamedBuffers().ToDictionary(b => b.Path, b => b.Buffer.Value.Clone().Keep());

    public void Restore() => model.LoadStateDict(_values, strict: false);

    public void Dispose() => Restore();
}
