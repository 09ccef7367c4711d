namespace MiniDL;

/// <summary>
/// What keeps apart backward passes and optimizer steps that overlap, on several threads or one within another: each has a number, and
/// claims operators and leaves with it before it works on them.
/// </summary>
internal readonly struct Claim : IDisposable
{
    private static int _last;

    private readonly int _outer;

    private Claim(int outer) => _outer = outer;

    /// <summary>The number of the backward pass that runs on this thread; 0 outside.</summary>
    [field: ThreadStatic]
    public static int Current { get; private set; }

    /// <summary>A number that no other pass or step has.</summary>
    public static int Next() => Interlocked.Increment(ref _last);

    /// <summary>Begins a backward pass on this thread, until it is disposed of.</summary>
    public static Claim Begin()
    {
        var claim = new Claim(Current);
        Current = Next();
        return claim;
    }

    public void Dispose() => Current = _outer;
}
