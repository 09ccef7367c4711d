namespace MiniDL.Ptx.Tests.Interpreter;

/// <summary>A kernel in a graph: which nodes it stands after, and which memory it was seen to read and to change.</summary>
internal sealed class GraphNode(string kernel, int[] after)
{
    /// <summary>Bytes; two kernels at the halves of one unit would be reported, though they do not meet.</summary>
    private const int Unit = 4;

    private readonly HashSet<ulong> _read = [], _changed = [];

    public string Kernel => kernel;

    /// <summary>The nodes right before it, by their numbers.</summary>
    public int[] After => after;

    public void Note(ulong address, int bytes, Access access)
    {
        var units = access is Access.Read or Access.ReadFresh ? _read : _changed;
        for (ulong unit = address / Unit; unit <= (address + (ulong)bytes - 1) / Unit; unit++) units.Add(unit);
    }

    /// <summary>An address that one changes and the other reads or changes; 0 if there is none.</summary>
    public ulong Conflict(GraphNode other) => Common(_changed, other._changed) is var both and not 0 ? both
        : Common(_changed, other._read) is var first and not 0 ? first : Common(_read, other._changed);

    private static ulong Common(HashSet<ulong> a, HashSet<ulong> b)
    {
        var (few, many) = a.Count < b.Count ? (a, b) : (b, a);
        foreach (ulong unit in few)
            if (many.Contains(unit)) return unit * Unit;
        return 0;
    }
}
