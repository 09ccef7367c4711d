using System.Diagnostics;
using System.Text.Json;

namespace MiniDL.Diagnostics;

/// <summary>One region as it ran, for a trace.</summary>
internal sealed class TraceEvent(ProfileEntry entry, TraceEvent? outer, double operations, long start)
{
    private List<Shape>? _read, _written;

    public ProfileEntry Entry { get; } = entry;

    /// <summary>The region that it ran in.</summary>
    public TraceEvent? Outer { get; } = outer;

    public long Start { get; } = start;

    public long End { get; set; }

    public double Operations { get; set; } = operations;

    public double Bytes { get; private set; }

    public long TakenBytes { get; set; }

    public IReadOnlyList<Shape> Read => _read ?? [];

    public IReadOnlyList<Shape> Written => _written ?? [];

    public void Moved(Tensor tensor, bool written)
    {
        Bytes += (double)tensor.Count * tensor.DType.Bytes();
        (written ? _written ??= [] : _read ??= []).Add(tensor.Shape);
    }
}

/// <summary>
/// The regions of a thread in the order in which they began, and how they are written in Chrome's trace event format: complete events, which
/// viewers nest by their times.
/// </summary>
/// <param name="start">When it began, by <see cref="Stopwatch"/>.</param>
internal sealed class TraceEvents(long start)
{
    private readonly List<TraceEvent> _events = [];
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly string _threadName = Thread.CurrentThread.Name ?? $"thread {Environment.CurrentManagedThreadId}";
    private TraceEvent? _open;

    public TraceEvent Begin(ProfileEntry entry, double operations, long now)
    {
        _events.Add(_open = new TraceEvent(entry, _open, operations, now));
        return _open;
    }

    /// <summary>Ends an event, and those inside it whose ends were not seen.</summary>
    public void End(TraceEvent ended, long now)
    {
        while (_open is not null && _open != ended.Outer) (_open.End, _open) = (now, _open.Outer);
    }

    /// <summary>Ends what has not ended.</summary>
    public void Close(long now)
    {
        while (_open is not null) End(_open, now);
    }

    public void Moved(Tensor tensor, bool written) => _open?.Moved(tensor, written);

    public void Count(double operations)
    {
        if (_open is not null) _open.Operations += operations;
    }

    public void Taken(long bytes)
    {
        if (_open is not null) _open.TakenBytes += bytes;
    }

    /// <summary>Writes the events that have ended.</summary>
    public void Write(Stream stream)
    {
        using var json = new Utf8JsonWriter(stream);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        json.WriteStartArray("traceEvents");
        WriteName(json, "process_name", "MiniDL");
        WriteName(json, "thread_name", _threadName);
        foreach (var one in _events)
        {
            if (one.End == 0) continue;
            Write(json, one);
            // So that a long trace is not held in memory twice.
            if (json.BytesPending > 1 << 16) json.Flush();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Tells viewers what to call the process or the thread.</summary>
    private void WriteName(Utf8JsonWriter json, string what, string name)
    {
        json.WriteStartObject();
        json.WriteString("name", what);
        json.WriteString("ph", "M");
        WritePlace(json);
        json.WriteStartObject("args");
        json.WriteString("name", name);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void Write(Utf8JsonWriter json, TraceEvent one)
    {
        var entry = one.Entry;
        json.WriteStartObject();
        json.WriteString("name", string.Join(' ', new[] { entry.Name, entry.Part, entry.Module }.Where(word => word.Length > 0)));
        json.WriteString("cat", entry.Direction switch { Direction.Forward => "forward", Direction.Backward => "backward", _ => "other" });
        json.WriteString("ph", "X");
        json.WriteNumber("ts", Microseconds(one.Start - start));
        // By the ends, not by itself: rounded times of regions that touch would overlap else.
        json.WriteNumber("dur", Microseconds(one.End - start) - Microseconds(one.Start - start));
        WritePlace(json);
        json.WriteStartObject("args");
        json.WriteString("operator", entry.Name);
        json.WriteString("part", entry.Part);
        json.WriteString("module", entry.Module);
        WriteShapes(json, "operands", one.Read);
        WriteShapes(json, "results", one.Written);
        json.WriteNumber("bytes", one.Bytes);
        json.WriteNumber("taken_bytes", one.TakenBytes);
        json.WriteNumber("flops", one.Operations);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WritePlace(Utf8JsonWriter json)
    {
        json.WriteNumber("pid", Environment.ProcessId);
        json.WriteNumber("tid", _thread);
    }

    private static void WriteShapes(Utf8JsonWriter json, string name, IReadOnlyList<Shape> shapes)
    {
        if (shapes.Count == 0) return;
        json.WriteStartArray(name);
        foreach (var shape in shapes) json.WriteStringValue(shape.ToString());
        json.WriteEndArray();
    }

    /// <summary>To the nanosecond, exactly as it is written.</summary>
    private static decimal Microseconds(long ticks) => Math.Round(ticks * 1e6m / Stopwatch.Frequency, 3);
}
