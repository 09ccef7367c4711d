namespace MiniDL.Layers;

/// <summary>The buffers of a model, such as running statistics, as they are now; put back by <see cref="Dispose"/>.</summary>
internal sealed class KeptBuffers(Module model) : IDisposable
{
    private readonly (Tensor Buffer, Tensor Value)[] _values =
        [.. model.NamedBuffers().Select(b => (b.Buffer.Value, b.Buffer.Value.Clone().Keep()))];

    public void Restore()
    {
        foreach (var (buffer, value) in _values) value.CopyTo(buffer);
    }

    public void Dispose() => Restore();
}
