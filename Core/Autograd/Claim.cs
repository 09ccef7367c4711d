namespace MiniDL;

/// <summary>
/// Keeps apart backward passes and optimizer steps that overlap, on several threads or nested: each has a number, and
/// claims operators and leaves with it before it works on them.
/// </summary>
internal readonly struct Claim : IDisposable
{
    private static int _last;

    private readonly int _outer;

    private Claim(int outer) => _outer = outer;

    /// <summary>The number of the backward pass running on this thread; 0 if there is none.</summary>
    [field: ThreadStatic]
    public static int Current { get; private set; }

    /// <summary>A new number, unique among all passes and steps.</summary>
    public static int Next() => Interlocked.Increment(ref _last);

    /// <summary>Begins a backward pass on this thread; disposing of it ends the pass.</summary>
    public static Claim Begin()
    {
        var claim = new Claim(Current);
        Current = Next();
        return claim;
    }

    public void Dispose() => Current = _outer;
}
