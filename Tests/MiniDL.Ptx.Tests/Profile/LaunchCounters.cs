using MiniDL.Ptx.Tests.Interpreter;

namespace MiniDL.Ptx.Tests.Profile;

/// <summary>
/// What the warps of a launch do, counted as on a GPU. The interpreter's threads run one after another; between two barriers they did
/// together what they did by the same instruction the same time. A warp comes to an instruction as often as that one of its threads that
/// does so most often: where threads part they meet again as soon as they can.
/// </summary>
internal sealed class LaunchCounters(PtxProgram program)
{
    private readonly Dictionary<(int Warp, int Instruction, int Time), WarpAccess> _pending = [];
    private readonly HashSet<(ulong Sector, bool Write)> _ofBlock = [];
    private readonly Dictionary<(ulong Sector, bool Write), int> _blocksAt = [];
    private int _block = -1;

    public PtxProgram Program => program;

    /// <summary>How many blocks were counted.</summary>
    public int Blocks { get; private set; }

    /// <summary>How often warps came to each instruction.</summary>
    public long[] Executed { get; } = new long[program.Steps.Length];

    /// <summary>What warps accessed by each instruction.</summary>
    public AccessCounts[] Accesses { get; } = [.. program.Steps.Select(_ => new AccessCounts())];

    /// <summary>
    /// Sectors that go through the L2 cache: those that are read once a block, since a multiprocessor's own cache keeps them; every write.
    /// </summary>
    public long CacheSectors { get; private set; }

    /// <summary>
    /// Sectors that only some of the blocks access, and those that all blocks do, or half of many: such as weights, of which neighbours have
    /// a part each.
    /// </summary>
    public (long OfSome, long OfAll) DistinctSectors
    {
        get
        {
            int many = Blocks < 8 ? Math.Max(2, Blocks) : Blocks / 2;
            long ofAll = _blocksAt.Values.Count(blocks => blocks >= many);
            return (_blocksAt.Count - ofAll, ofAll);
        }
    }

    /// <summary>Notes that a thread, which is about to do so, accesses memory by its next instruction.</summary>
    public void Note(PtxThread thread, ulong address, int bytes)
    {
        var key = (thread.Index / 32, thread.Next, thread.Visits![thread.Next]);
        if (!_pending.TryGetValue(key, out var access)) _pending[key] = access = new(bytes);
        access.Add(thread.Index % 32, address);
    }

    /// <summary>Counts what the block's warps did since its last barrier.</summary>
    public void Take(PtxBlock block, PtxThread[][] warps)
    {
        if (block.Index != _block)
        {
            _ofBlock.Clear();
            _block = block.Index;
            Blocks++;
        }
        foreach (var warp in warps)
            for (int i = 0; i < Executed.Length; i++)
            {
                int most = 0;
                foreach (var thread in warp)
                {
                    most = Math.Max(most, thread.Visits![i]);
                    thread.Visits[i] = 0;
                }
                Executed[i] += most;
            }
        foreach (var (key, access) in _pending) Count(key.Instruction, access);
        _pending.Clear();
    }

    private void Count(int instruction, WarpAccess access)
    {
        var (counts, step) = (Accesses[instruction], program.Steps[instruction].Instruction);
        counts.Requests++;
        if (step.IsShared)
        {
            counts.Wavefronts += access.Wavefronts;
            counts.MinWavefronts += access.MinWavefronts;
            return;
        }
        counts.MinSectors += access.MinSectors;
        foreach (ulong sector in access.Sectors)
        {
            counts.Sectors++;
            var key = (sector, step.Word != "ld");
            bool isFirst = _ofBlock.Add(key);
            if (isFirst) _blocksAt[key] = _blocksAt.GetValueOrDefault(key) + 1;
            if (isFirst || key.Item2) CacheSectors++;
        }
    }
}

/// <summary>
/// What warps accessed by one instruction, or by all of a kernel: how often; of global memory the sectors, of shared memory the wavefronts,
/// which NVIDIA's profiler calls wavefronts; and of both the least that the bytes could have taken.
/// </summary>
internal sealed class AccessCounts
{
    public long Requests, Sectors, MinSectors, Wavefronts, MinWavefronts;

    public static AccessCounts Sum(IEnumerable<AccessCounts> all)
    {
        var sum = new AccessCounts();
        foreach (var one in all)
        {
            sum.Requests += one.Requests;
            sum.Sectors += one.Sectors;
            sum.MinSectors += one.MinSectors;
            sum.Wavefronts += one.Wavefronts;
            sum.MinWavefronts += one.MinWavefronts;
        }
        return sum;
    }
}
