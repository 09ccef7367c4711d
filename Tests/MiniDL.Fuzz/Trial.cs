using System.Globalization;

namespace MiniDL.Fuzz;

/// <summary>What became of an input.</summary>
/// <param name="Failure">What is wrong with the reader; null where it accepted or refused the input as it should.</param>
/// <param name="Bytes">What was allocated in all, whether or not it was needed any more.</param>
/// <param name="MemoryRatio">What of that was not free, as a multiple of the file.</param>
internal readonly record struct Verdict(bool Accepted, string? Failure, double Seconds, long Bytes, double MemoryRatio);

/// <summary>Gives inputs to a reader and judges what it does with them.</summary>
internal sealed class Trial : IDisposable
{
    private const int MaxOfFile = 4, MaxMessage = 4_000;

    /// <summary>The process's own time counts: that of the clock would say more of the machine's other work.</summary>
    private const double MaxSeconds = 2;

    /// <summary>A reader that waits for something uses no time; it is given up after so long by the clock.</summary>
    private const double MaxSecondsOfClock = 120;

    private readonly Lock _gate = new();
    private readonly Timer _watch;
    private readonly Action<string> _hung;
    private (double Processor, DateTime Clock)? _start;

    /// <param name="hung">Called from another thread when a reader does not come back; must not return.</param>
    public Trial(Action<string> hung) => (_hung, _watch) = (hung, new Timer(_ => Watch(), null, 500, 500));

    public Verdict Run(Reader reader, byte[] input, string path)
    {
        byte[] content = reader.Prepare(input);
        File.WriteAllBytes(path, content);
        lock (_gate) _start = (ProcessorSeconds, DateTime.UtcNow);
        double start = ProcessorSeconds;
        long before = GC.GetAllocatedBytesForCurrentThread();
        var (accepted, failure) = Read(reader, path);
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        double seconds = ProcessorSeconds - start;
        lock (_gate) _start = null;
        long size = Math.Max(input.Length, content.Length), most = MaxOfFile * size + reader.FreeBytes;
        if (failure is null && bytes > most) failure = $"{bytes} bytes were allocated for a file of {size}; {most} are allowed";
        if (failure is null && seconds > MaxSeconds) failure = Slow(seconds);
        return new Verdict(accepted, failure, seconds, bytes, Math.Max(0, bytes - reader.FreeBytes) / (double)Math.Max(size, 1));
    }

    private static (bool Accepted, string? Failure) Read(Reader reader, string path)
    {
        try
        {
            reader.Read(path);
            return (true, null);
        }
        catch (MiniDLException e)
        {
            string message = e.Message;
            return (false, message.Length > MaxMessage ? $"a message of {message.Length} characters"
                : message.Any(c => char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format) ? $"a message with control characters: {message}"
                : null);
        }
        catch (Exception e)
        {
            return (false, $"{e.GetType()}: {e.Message}\n{e.StackTrace}");
        }
    }

    private static double ProcessorSeconds => Environment.CpuUsage.TotalTime.TotalSeconds;

    private static string Slow(double seconds) => string.Create(CultureInfo.InvariantCulture, $"it took {seconds:F1} s");

    private void Watch()
    {
        double? seconds = null;
        lock (_gate)
            if (_start is { } start)
            {
                double processor = ProcessorSeconds - start.Processor, clock = (DateTime.UtcNow - start.Clock).TotalSeconds;
                if (processor > 2 * MaxSeconds || clock > MaxSecondsOfClock) seconds = Math.Max(processor, clock);
            }
        if (seconds is { } much) _hung($"it has not come back after {much:F1} s");
    }

    public void Dispose() => _watch.Dispose();
}
