using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace MiniDL.Backends.Cpu;

/// <summary>
/// The threads that share the work of one operator. The calling thread takes part; after each job, helpers spin for a moment,
/// since in a training step the next one comes within microseconds, and then sleep.
/// </summary>
/// <remarks>
/// Which thread runs a chunk is left to chance, so chunks must not depend on each other, and their boundaries must depend only on the
/// shapes: then results have the same bits for any number of threads. Chances are good, however, that it is the thread that ran the same
/// part of the job before, which has that part of the data in its cache: every other thread takes chunks from the end, the others from the
/// beginning, until they meet.
/// </remarks>
internal static class Workers
{
    /// <summary>Below this many values, doing the work takes less time than waking a helper.</summary>
    public const int Grain = 16 * 1024;

    private const int SpinsBeforeSleep = 100, PausesPerSpin = 20;

    private static readonly SemaphoreSlim Alarm = new(0);
    private static int _busy, _sleeping, _helpers;

    // One job at a time, announced by a new round. The fields are reused, so a call allocates nothing here.
    private static int _round, _seats, _done;
    private static object _job = "";
    private static Action<object, int> _body = static (_, _) => { };
    private static ExceptionDispatchInfo? _error;

    /// <summary>
    /// The chunks that nobody has taken: from the lower half to the upper half, exclusive. Both are reset in one write, so a helper
    /// that arrives late for one job either finds no chunk left or takes one of the next job.
    /// </summary>
    private static long _open;

    /// <summary>How many threads take part, including the caller.</summary>
    public static int Threads { get; set; } = Environment.ProcessorCount;

    /// <summary>The same for jobs of the current thread only; null means <see cref="Threads"/>.</summary>
    [field: ThreadStatic]
    public static int? ThreadsHere { get; set; }

    /// <summary>
    /// Calls <paramref name="body"/> for every chunk from 0 to <paramref name="chunks"/> − 1 and returns when all are done. Runs
    /// on the calling thread alone if there is one chunk or one thread, or if the helpers are busy, as in a nested call.
    /// </summary>
    public static void Run(int chunks, Action<int> body) => Run(chunks, body, static (body, chunk) => body(chunk));

    /// <summary>The same, but on the calling thread alone if the whole job is less work than waking a helper.</summary>
    /// <param name="values">Roughly how many values are read and written.</param>
    public static void Run(int chunks, long values, Action<int> body) =>
        Run(chunks, values, body, static (body, chunk) => body(chunk));

    /// <inheritdoc cref="Run(int, long, Action{int})"/>
    public static void Run<TJob>(int chunks, long values, TJob job, Action<TJob, int> body) where TJob : class
    {
        if (values >= Grain) Run(chunks, job, body);
        else
            for (int chunk = 0; chunk < chunks; chunk++) body(job, chunk);
    }

    /// <summary>
    /// The same for a body that captures nothing and gets the job's state as an object: then a call allocates nothing.
    /// </summary>
    public static void Run<TJob>(int chunks, TJob job, Action<TJob, int> body) where TJob : class
    {
        int threads = chunks <= 1 ? 1 : ThreadsHere ?? Threads;
        if (threads == 1 || Interlocked.Exchange(ref _busy, 1) == 1)
        {
            for (int chunk = 0; chunk < chunks; chunk++) body(job, chunk);
            return;
        }
        int seats = Math.Min(threads, chunks) - 1;
        while (_helpers < seats) StartHelper();
        // The body is only ever called with this job, so the cast to a delegate for any object is safe.
        (_job, _body, _done, _seats) = (job, Unsafe.As<Action<object, int>>(body), 0, seats);
        Interlocked.Exchange(ref _open, (long)chunks << 32);
        Interlocked.Increment(ref _round);
        if (Volatile.Read(ref _sleeping) is > 0 and var sleeping) Alarm.Release(Math.Min(sleeping, seats));
        Work(fromFront: true);
        var spin = new SpinWait();
        while (Volatile.Read(ref _done) < chunks) spin.SpinOnce(sleep1Threshold: -1);
        var error = _error;
        _error = null;
        // The references held by the job must not outlive it.
        _job = "";
        Volatile.Write(ref _busy, 0);
        error?.Throw();
    }

    /// <summary>Cuts 0 … count − 1 into ranges of <paramref name="grain"/>, the last one shorter, and calls body(start, length).</summary>
    public static void Split(int count, int grain, Action<int, int> body)
    {
        if (count == 0) return;
        if (count <= grain) body(0, count);
        else Run((count - 1) / grain + 1, new Ranges(count, grain, body), static (ranges, chunk) => ranges.Run(chunk));
    }

    private sealed class Ranges(int count, int grain, Action<int, int> body)
    {
        public void Run(int chunk) => body(chunk * grain, Math.Min(grain, count - chunk * grain));
    }

    /// <summary>Runs chunks of the current job until all have been taken.</summary>
    private static void Work(bool fromFront)
    {
        while (TryTake(fromFront, out int chunk))
        {
            try
            {
                _body(_job, chunk);
            }
            catch (Exception error)
            {
                Interlocked.CompareExchange(ref _error, ExceptionDispatchInfo.Capture(error), null);
            }
            Interlocked.Increment(ref _done);
        }
    }

    /// <summary>Takes a chunk, the first or the last of those that are left.</summary>
    private static bool TryTake(bool fromFront, out int chunk)
    {
        long open = Volatile.Read(ref _open);
        while (true)
        {
            int front = (int)open, back = (int)(open >> 32);
            chunk = fromFront ? front : back - 1;
            if (front >= back) return false;
            long seen = Interlocked.CompareExchange(ref _open, fromFront ? open + 1 : open - (1L << 32), open);
            if (seen == open) return true;
            open = seen;
        }
    }

    private static void StartHelper()
    {
        bool fromFront = _helpers++ % 2 == 1;
        new Thread(() => Help(fromFront)) { IsBackground = true, Name = $"minidl helper {_helpers}" }.Start();
    }

    private static void Help(bool fromFront)
    {
        for (int round = 0; ;)
        {
            round = NextRound(round);
            if (Interlocked.Decrement(ref _seats) < 0) continue;
            // A helper that is late for one job may have taken a seat in the next, in which case it has already joined that round.
            round = Volatile.Read(ref _round);
            Work(fromFront);
        }
    }

    private static int NextRound(int last)
    {
        while (true)
        {
            for (int spin = 0; spin < SpinsBeforeSleep; spin++)
            {
                if (Volatile.Read(ref _round) is var round && round != last) return round;
                Thread.SpinWait(PausesPerSpin);
            }
            // A job announced after the check above sees this thread counted as sleeping, and releases the semaphore.
            Interlocked.Increment(ref _sleeping);
            if (Volatile.Read(ref _round) == last) Alarm.Wait();
            Interlocked.Decrement(ref _sleeping);
        }
    }
}
