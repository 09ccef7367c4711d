using System.Diagnostics;

namespace MiniDL.Diagnostics;

/// <summary>A <see cref="Profiler"/>'s measurements of one region, summed over its calls.</summary>
public sealed class ProfileEntry
{
    internal ProfileEntry(string name, string part) => (Name, Part) = (name, part);

    /// <summary>What ran: <c>conv2d</c>.</summary>
    public string Name { get; }

    /// <summary>Which part of it: <c>forward</c>, <c>backward</c>, <c>weight gradient</c>.</summary>
    public string Part { get; }

    /// <summary>How often it ran.</summary>
    public int Calls { get; internal set; }

    /// <summary>Time spent in it, excluding nested regions.</summary>
    public double Milliseconds => Ticks * 1e3 / Stopwatch.Frequency;

    /// <summary>Floating-point operations, with an addition and a multiplication counted as two; 0 if they were not counted.</summary>
    public double Operations { get; internal set; }

    /// <summary>Bytes of operands and results, each counted once per call, however often it was read: the minimum that must be moved.</summary>
    public double Bytes { get; internal set; }

    internal long Ticks { get; set; }
}
