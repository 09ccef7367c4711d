namespace MiniDL;

/// <summary>Until it is disposed of, operators on this thread record nothing: <c>using var _ = new NoGrad();</c>. Scopes may nest.</summary>
/// <example><code>using (new NoGrad()) Console.WriteLine(model.Forward(images));</code></example>
public readonly ref struct NoGrad
{
    [ThreadStatic]
    private static bool _active;

    private readonly bool _outer;

    /// <summary>Stops recording on this thread.</summary>
    public NoGrad()
    {
        _outer = _active;
        _active = true;
    }

    /// <summary>Whether operators on this thread record nothing.</summary>
    public static bool Active => _active;

    /// <summary>Restores the previous state.</summary>
    public void Dispose() => _active = _outer;
}
