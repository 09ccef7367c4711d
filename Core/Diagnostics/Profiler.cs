using System.Diagnostics;
using MiniDL.Serialization;

namespace MiniDL.Diagnostics;

/// <summary>
/// Where the time and the memory of a thread go. While one is on, every operator's forward and backward, the gradients inside convolution's
/// backward and the optimizer are timed by name and by module. Times are exclusive: a region stops while another runs inside it, so the
/// entries and what lies outside of them add up to the whole.
/// </summary>
/// <remarks>
/// Off, which is the default, a region costs one check. On, it costs two looks at the clock and one into a table, some 0.2 µs; each operator
/// passed by is a region.
/// </remarks>
/// <example><code>
/// using (var profiler = Profiler.Start())
/// {
///     Loss.CrossEntropy(model.Forward(images), labels).Backward();
///     Console.WriteLine(profiler);
///     foreach (var entry in profiler.ByModule) Console.WriteLine($"{entry.Module} {entry.Name} {entry.Part}: {entry.Milliseconds:F2} ms");
/// }
/// </code></example>
public sealed class Profiler : IDisposable
{
    [ThreadStatic]
    private static Profiler? _active;

    private readonly Dictionary<(string Name, string Part, IPath? Module, Direction Direction), ProfileEntry> _entries = [];
    private readonly ProfileEntry _outside = new("outside", "");
    private readonly Profiler? _outer;
    private readonly TraceEvents? _trace;
    private ProfileEntry _running;
    private long _since;

    private Profiler(bool trace)
    {
        _outer = _active;
        _running = _outside;
        _since = Stopwatch.GetTimestamp();
        if (trace) _trace = new TraceEvents(_since);
    }

    /// <summary>
    /// What was timed, by name and part, in the order in which it first ran: sums up to now, complete once the profiler is disposed.
    /// </summary>
    public IReadOnlyCollection<ProfileEntry> Entries =>
        [.. _entries.Values.GroupBy(entry => (entry.Name, entry.Part)).Select(entries => ProfileEntry.Sum(entries, module: ""))];

    /// <summary>
    /// The same by name, part and module: an operator belongs to the module whose forward pass it ran in, and so does its backward.
    /// </summary>
    public IReadOnlyCollection<ProfileEntry> ByModule =>
        [.. _entries.Values.GroupBy(entry => (entry.Name, entry.Part, entry.Module)).Select(entries => ProfileEntry.Sum(entries, entries.Key.Module))];

    /// <summary>What lies outside of every region: modules, making the graph and walking it, memory.</summary>
    public ProfileEntry Outside => _outside;

    /// <summary>The milliseconds that passed outside of every region.</summary>
    public double OutsideMilliseconds => _outside.Milliseconds;

    /// <summary>Times this thread until it is disposed. One that is on already pauses meanwhile.</summary>
    public static Profiler Start() => Start(trace: false);

    /// <summary>Times this thread until it is disposed. One that is on already pauses meanwhile.</summary>
    /// <param name="trace">Whether to record every region as an event, some 200 bytes each, for <see cref="WriteTrace(string)"/>.</param>
    public static Profiler Start(bool trace) => _active = new Profiler(trace);

    /// <summary>Times a region under a name until it is disposed of: <c>using var _ = Profiler.Time("conv2d", "forward");</c></summary>
    /// <param name="name">What runs, named like an operator.</param>
    /// <param name="part">Which part of it: <c>forward</c>, <c>backward</c>, …</param>
    /// <param name="operations">Its floating-point operations, for the rate; 0 if the number is not meaningful.</param>
    public static Region Time(string name, string part, double operations = 0) =>
        _active is { } profiler ? profiler.Enter(name, part, operations, null, Direction.None) : default;

    /// <param name="module">Whom it belongs to; by default as what it runs in, or the module whose forward pass runs.</param>
    /// <param name="direction">The pass that it begins; none for that of what it runs in.</param>
    /// <inheritdoc cref="Time(string, string, double)"/>
    internal static Region Time(string name, string part, double operations, IPath? module, Direction direction) =>
        _active is { } profiler ? profiler.Enter(name, part, operations, module, direction) : default;

    /// <summary>Adds operations to the region that is running, where they are not known at its beginning.</summary>
    internal static void Count(double operations)
    {
        if (_active is not { } profiler) return;
        profiler._running.Operations += operations;
        profiler._trace?.Count(operations);
    }

    /// <summary>Memory was taken from a pool of storage.</summary>
    /// <param name="fresh">Whether the pool had to make it.</param>
    internal static void Taken(long bytes, bool fresh)
    {
        if (_active is not { } profiler) return;
        profiler._running.TakenBytes += bytes;
        if (fresh) profiler._running.FreshBytes += bytes;
        profiler._trace?.Taken(bytes);
    }

    /// <summary>The entries as a table, those that took longest first: what <see cref="ToString"/> gives, or with a row for each module.</summary>
    /// <remarks>
    /// Columns: calls; exclusive milliseconds and their share; GFLOP/s where operations are counted; GB/s of operands and results over the
    /// inclusive time; bytes moved; bytes taken from the pool of storage, and how many of them were fresh memory.
    /// </remarks>
    public string Table(bool byModule = false) => ProfileTable.Of(byModule ? ByModule : Entries, _outside, byModule);

    /// <inheritdoc/>
    public override string ToString() => Table();

    /// <summary>
    /// Writes the events as JSON in Chrome's trace event format, to be opened at ui.perfetto.dev or chrome://tracing: for every region its
    /// beginning and duration in µs, its pass, module, shapes, bytes and operations.
    /// </summary>
    /// <exception cref="MiniDLException">No events were recorded: see <see cref="Start(bool)"/>.</exception>
    public void WriteTrace(Stream stream) => (_trace ?? throw NotTraced()).Write(stream);

    /// <summary>The same into a file, whole or not at all.</summary>
    /// <exception cref="MiniDLException">No events were recorded, or the file cannot be written.</exception>
    /// <example><code>
    /// using var profiler = Profiler.Start(trace: true);
    /// Loss.CrossEntropy(model.Forward(images), labels).Backward();
    /// profiler.WriteTrace("step.json");
    /// </code></example>
    public void WriteTrace(string path)
    {
        var trace = _trace ?? throw NotTraced();
        AtomicFile.Write(path, trace.Write);
    }

    /// <summary>Ends the timing; the entries stay.</summary>
    public void Dispose()
    {
        if (_active != this) return;
        Switch(_outside);
        _trace?.Close(_since);
        _active = _outer;
        if (_outer is not null) _outer._since = Stopwatch.GetTimestamp();
    }

    private static MiniDLException NotTraced() => new("[profile] no events were recorded. Start the profiler with Profiler.Start(trace: true).");

    private Region Enter(string name, string part, double operations, IPath? module, Direction direction)
    {
        var paused = _running;
        // While a backward runs no module does, and what it calls is its own.
        if (paused.Direction == Direction.Backward) (module, direction) = (module ?? paused.Origin, Direction.Backward);
        else module ??= Check.Running ?? paused.Origin;
        if (direction == Direction.None) direction = paused.Direction == Direction.None && module is not null ? Direction.Forward : paused.Direction;
        var key = (name, part, module, direction);
        if (!_entries.TryGetValue(key, out var entry)) _entries.Add(key, entry = new ProfileEntry(name, part, module, direction));
        entry.Calls++;
        entry.Operations += operations;
        Switch(entry);
        return new Region(this, paused, _since, _trace?.Begin(entry, operations, _since));
    }

    private void Leave(in Region region)
    {
        var entry = _running;
        Switch(region.Paused!);
        entry.InclusiveTicks += _since - region.Start;
        _trace?.End(region.Event!, _since);
    }

    /// <summary>Charges the time since the last switch to the entry that was running, and switches to the next.</summary>
    private void Switch(ProfileEntry next)
    {
        long now = Stopwatch.GetTimestamp();
        _running.Ticks += now - _since;
        (_running, _since) = (next, now);
    }

    private void Move(ReadOnlySpan<Tensor?> tensors, bool written)
    {
        foreach (var tensor in tensors)
        {
            if (tensor is null) continue;
            _running.Bytes += (double)tensor.Count * tensor.DType.Bytes();
            _trace?.Moved(tensor, written);
        }
    }

    /// <summary>A stretch of a program that is timed, if a profiler is on.</summary>
    public readonly ref struct Region
    {
        private readonly Profiler? _profiler;

        internal Region(Profiler profiler, ProfileEntry paused, long start, TraceEvent? traceEvent) =>
            (_profiler, Paused, Start, Event) = (profiler, paused, start, traceEvent);

        internal ProfileEntry? Paused { get; }

        internal long Start { get; }

        internal TraceEvent? Event { get; }

        /// <summary>Adds tensors that were read or written, for the rate; null for one that is absent.</summary>
        public void Moved(params ReadOnlySpan<Tensor?> tensors) => _profiler?.Move(tensors, written: false);

        /// <summary>Adds tensors that were written, which a trace tells from those that were read.</summary>
        internal void Wrote(params ReadOnlySpan<Tensor?> tensors) => _profiler?.Move(tensors, written: true);

        /// <summary>Ends the region; the one that it had paused continues.</summary>
        public void Dispose()
        {
            if (_profiler == _active) _profiler?.Leave(this);
        }
    }
}
