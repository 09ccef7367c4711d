using System.Diagnostics;

namespace MiniDL.Diagnostics;

/// <summary>A <see cref="Profiler"/>'s measurements of one region, summed over its calls.</summary>
/// <example><code>
/// using var profiler = Profiler.Start();
/// model.Forward(images);
/// foreach (var entry in profiler.Entries) Console.WriteLine($"{entry.Name} {entry.Part}: {entry.Milliseconds:F2} ms");
/// </code></example>
public sealed class ProfileEntry
{
    internal ProfileEntry(string name, string part, IPath? origin = null, Direction direction = Direction.None)
    {
        (Name, Part, Origin, Direction) = (name, part, origin, direction);
        Module = origin?.Path ?? "";
    }

    /// <summary>What ran: <c>conv2d</c>.</summary>
    public string Name { get; }

    /// <summary>Which part of it: <c>forward</c>, <c>backward</c>, <c>weight gradient</c>.</summary>
    public string Part { get; }

    /// <summary>
    /// The dotted path of the module whose forward pass it belongs to, also in backward: <c>blocks.3.conv1</c>. Empty in the root, outside
    /// of all modules, and where the entry is the sum over all of them (<see cref="Profiler.Entries"/>).
    /// </summary>
    public string Module { get; private init; }

    /// <summary>How often it ran.</summary>
    public int Calls { get; internal set; }

    /// <summary>Time spent in it, excluding nested regions.</summary>
    public double Milliseconds => Ticks * 1e3 / Stopwatch.Frequency;

    /// <summary>Time from its beginnings to its ends, with what was timed inside.</summary>
    public double InclusiveMilliseconds => InclusiveTicks * 1e3 / Stopwatch.Frequency;

    /// <summary>Floating-point operations, an addition and a multiplication counting as two; 0 where they were not counted.</summary>
    public double Operations { get; internal set; }

    /// <summary>Bytes of operands and results, each counted once per call, however often it was read: the minimum that must be moved.</summary>
    public double Bytes { get; internal set; }

    /// <summary>
    /// Bytes of the memory that it took from the pool of storage for results and for room to work in, without what was taken inside by
    /// other regions. A block has up to an eighth more than was asked for.
    /// </summary>
    public long TakenBytes { get; internal set; }

    /// <summary>How many of <see cref="TakenBytes"/> were fresh memory, since the pool had none to use again: 0 in the steady state of a loop.</summary>
    public long FreshBytes { get; internal set; }

    internal long Ticks { get; set; }

    internal long InclusiveTicks { get; set; }

    internal IPath? Origin { get; }

    internal Direction Direction { get; }

    /// <summary>Several entries of one name and part as one.</summary>
    /// <param name="module">The path that it has.</param>
    internal static ProfileEntry Sum(IEnumerable<ProfileEntry> entries, string module)
    {
        ProfileEntry? sum = null;
        foreach (var entry in entries)
        {
            sum ??= new ProfileEntry(entry.Name, entry.Part) { Module = module };
            sum.Calls += entry.Calls;
            sum.Ticks += entry.Ticks;
            sum.InclusiveTicks += entry.InclusiveTicks;
            sum.Operations += entry.Operations;
            sum.Bytes += entry.Bytes;
            sum.TakenBytes += entry.TakenBytes;
            sum.FreshBytes += entry.FreshBytes;
        }
        return sum!;
    }
}

/// <summary>The pass that a region is a part of.</summary>
internal enum Direction
{
    /// <summary>Neither: an optimizer, a loader.</summary>
    None,

    Forward,

    /// <summary>Operators that a backward runs are a part of it.</summary>
    Backward,
}
