namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// Fetches what a kernel will soon read or write into the cache, a few lines at a time between pieces of arithmetic: a core waits for memory
/// while it computes only if few requests are made at once.
/// </summary>
/// <param name="first">The first value.</param>
/// <param name="count">How many values.</param>
/// <param name="with">As many more, at the same places elsewhere; or null.</param>
/// <param name="steps">How many times <see cref="Step"/> is called, at least.</param>
internal unsafe struct Fetch<V>(float* first, int count, float* with, int steps) where V : unmanaged, ISimd<V>
{
    private const int Line = 16;

    private readonly float* _end = first + count;
    private readonly nint _with = with == null ? 0 : (nint)(with - first);
    private readonly int _perStep = ((count - 1) / Line / steps + 1) * Line;
    private float* _next = first;

    public void Step()
    {
        float* end = _next + _perStep > _end ? _end : _next + _perStep;
        for (float* line = _next; line < end; line += Line)
        {
            V.Prefetch(line);
            if (_with != 0) V.Prefetch(line + _with);
        }
        _next = end;
    }
}
