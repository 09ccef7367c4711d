namespace MiniDL.Ptx.Tests.Profile;

/// <summary>
/// What the threads of a warp access by one instruction: each thread that takes part, so many bytes at an address of its own.
/// </summary>
internal sealed class WarpAccess(int bytes)
{
    public const int SectorBytes = 32, Banks = 32, BankBytes = 4;

    private readonly List<ulong> _addresses = new(32);
    private readonly List<int> _lanes = new(32);

    public void Add(int lane, ulong address)
    {
        _addresses.Add(address);
        _lanes.Add(lane);
    }

    /// <summary>The sectors of 32 bytes, in which global memory and its caches are read and written.</summary>
    public IEnumerable<ulong> Sectors => _addresses.Select(a => a / SectorBytes).Distinct();

    /// <summary>How many sectors the bytes would fill that are accessed, each counted once.</summary>
    public int MinSectors => Parts(Distinct * bytes, SectorBytes);

    /// <summary>
    /// How many turns shared memory takes: in a turn each of its 32 banks gives, or takes, one word of 4 bytes, which any number of threads
    /// may share. Accesses of 8 and 16 bytes are made half and a quarter of the warp at a time.
    /// </summary>
    public int Wavefronts
    {
        get
        {
            int lanes = 32 * BankBytes / Math.Max(bytes, BankBytes);
            return Enumerable.Range(0, _lanes.Count).GroupBy(i => _lanes[i] / lanes).Sum(part => TurnsOf(part.Select(i => _addresses[i])));
        }
    }

    /// <summary>How many turns it would take if all banks were busy in each.</summary>
    public int MinWavefronts => Parts(Distinct * bytes, Banks * BankBytes);

    private int Distinct => _addresses.Distinct().Count();

    private int TurnsOf(IEnumerable<ulong> addresses)
    {
        var turns = new int[Banks];
        foreach (ulong word in addresses.SelectMany(Words).Distinct()) turns[word % Banks]++;
        return turns.Max();
    }

    private IEnumerable<ulong> Words(ulong address)
    {
        for (ulong word = address / BankBytes; word <= (address + (ulong)bytes - 1) / BankBytes; word++) yield return word;
    }

    private static int Parts(int size, int part) => (size + part - 1) / part;
}
