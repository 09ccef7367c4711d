namespace MiniDL.Memory;

/// <summary>
/// A change of a tensor's values in place: <c>using var change = new InPlaceChange("sgd", parameter);</c> around the writing. Operators that
/// read the tensor on another thread meanwhile, and a second writer, are refused rather than given half of each.
/// </summary>
internal readonly ref struct InPlaceChange
{
    private readonly Storage _storage;

    /// <exception cref="MiniDLException">Another thread is changing the tensor.</exception>
    public InPlaceChange(string operation, Tensor x)
    {
        _storage = x.Storage;
        if (!_storage.TryBeginChange())
            throw new MiniDLException(Check.Line(operation, $"{x} is being changed by another thread. "
                + "Let one training step end before the next begins, or give each thread a model of its own."));
    }

    public void Dispose() => _storage.EndChange();
}
