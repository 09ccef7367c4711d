using System.Runtime.ExceptionServices;

namespace MiniDL.Backends.Cpu;

/// <summary>
/// The threads that share the work of one operator. The calling thread takes part; helpers spin for a moment after each job,
/// since in a training step the next one comes within microseconds, and then sleep.
/// </summary>
/// <remarks>
/// Which thread runs a chunk is chance, so chunks must not depend on each other, and their boundaries must follow from the shapes
/// alone: then results are the same bits for any number of threads.
/// </remarks>
internal static class Workers
{
    /// <summary>Work below this many values is done faster than a helper can be told of it.</summary>
    public const int Grain = 16 * 1024;

    private const int SpinsBeforeSleep = 100, PausesPerSpin = 20;

    private static readonly SemaphoreSlim Alarm = new(0);
    private static Job? _job;
    private static int _busy, _sleeping, _helpers;

    /// <summary>How many threads take part, the caller included.</summary>
    public static int Threads { get; set; } = Environment.ProcessorCount;

    /// <summary>
    /// Calls <paramref name="body"/> for every chunk from 0 to <paramref name="chunks"/> − 1 and returns when all are done. Runs
    /// on the calling thread alone when there is one chunk or thread, or when the helpers are busy, as they are for a nested call.
    /// </summary>
    public static void Run(int chunks, Action<int> body)
    {
        if (chunks <= 1 || Threads == 1 || Interlocked.Exchange(ref _busy, 1) == 1)
        {
            for (int chunk = 0; chunk < chunks; chunk++) body(chunk);
            return;
        }
        int seats = Math.Min(Threads, chunks) - 1;
        while (_helpers < seats) StartHelper();
        var job = new Job(body, chunks, seats);
        Volatile.Write(ref _job, job);
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _sleeping) is > 0 and var sleeping) Alarm.Release(Math.Min(sleeping, seats));
        job.Work();
        job.WaitForHelpers();
        Volatile.Write(ref _job, null);
        Volatile.Write(ref _busy, 0);
        job.Error?.Throw();
    }

    /// <summary>The same, but on the calling thread alone when the whole is less work than waking a helper.</summary>
    /// <param name="values">About how many values are read and written.</param>
    public static void Run(int chunks, long values, Action<int> body)
    {
        if (values >= Grain) Run(chunks, body);
        else
            for (int chunk = 0; chunk < chunks; chunk++) body(chunk);
    }

    /// <summary>Cuts 0 … count − 1 into ranges of <paramref name="grain"/>, the last one shorter, and calls body(start, length).</summary>
    public static void Split(int count, int grain, Action<int, int> body)
    {
        if (count == 0) return;
        if (count <= grain) body(0, count);
        else Run((count - 1) / grain + 1, chunk => body(chunk * grain, Math.Min(grain, count - chunk * grain)));
    }

    private static void StartHelper()
    {
        _helpers++;
        new Thread(Help) { IsBackground = true, Name = $"minidl helper {_helpers}" }.Start();
    }

    private static void Help()
    {
        Job? last = null;
        while (true)
        {
            last = NextJob(last);
            if (last.TakeSeat()) last.Work();
        }
    }

    private static Job NextJob(Job? last)
    {
        while (true)
        {
            for (int spin = 0; spin < SpinsBeforeSleep; spin++)
            {
                if (Volatile.Read(ref _job) is { } job && job != last) return job;
                Thread.SpinWait(PausesPerSpin);
            }
            // A job announced after the last look finds this thread counted as sleeping, and rings.
            Interlocked.Increment(ref _sleeping);
            if (Volatile.Read(ref _job) is null || Volatile.Read(ref _job) == last) Alarm.Wait();
            Interlocked.Decrement(ref _sleeping);
        }
    }

    /// <summary>One call of <c>Run</c>. A helper that comes late finds no chunk left; jobs are never used again.</summary>
    private sealed class Job(Action<int> body, int chunks, int seats)
    {
        private int _next = -1, _done, _seats = seats;
        private ExceptionDispatchInfo? _error;

        public ExceptionDispatchInfo? Error => _error;

        public bool TakeSeat() => Interlocked.Decrement(ref _seats) >= 0;

        public void Work()
        {
            for (int chunk; (chunk = Interlocked.Increment(ref _next)) < chunks; Interlocked.Increment(ref _done))
            {
                try
                {
                    body(chunk);
                }
                catch (Exception error)
                {
                    Interlocked.CompareExchange(ref _error, ExceptionDispatchInfo.Capture(error), null);
                }
            }
        }

        public void WaitForHelpers()
        {
            var spin = new SpinWait();
            while (Volatile.Read(ref _done) < chunks) spin.SpinOnce(sleep1Threshold: -1);
        }
    }
}
