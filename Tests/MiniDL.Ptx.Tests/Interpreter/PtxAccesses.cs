namespace MiniDL.Ptx.Tests.Interpreter;

/// <summary>
/// Who wrote and read each two bytes of memory during a launch, to find accesses whose order the kernel leaves open: by two threads of
/// a block with no barrier between them, or by two blocks. What another block wrote may be read by a fresh read only: after a fence of
/// the writer, an atomic operation of each block, and a fence of the reader. Accesses of single bytes are not looked at.
/// </summary>
internal sealed class PtxAccesses
{
    private const int PageBits = 12, Unit = 2;

    private struct Cell
    {
        /// <summary>Numbers of threads in the launch, plus 1; 0 for nobody.</summary>
        public int Writer, Reader;

        public int WriteEpoch, ReadEpoch, WriterFences;

        /// <summary>Whether other threads of the block read it since the last barrier, and whether other blocks did at any time.</summary>
        public bool OtherReaders, OtherBlocks;
    }

    private readonly Dictionary<ulong, Cell[]> _pages = [];
    private ulong _lastPage = ulong.MaxValue;
    private Cell[] _last = [];

    /// <exception cref="PtxFault">The access may come before or after that of another thread.</exception>
    public void Note(ulong address, int bytes, PtxThread thread, Access access)
    {
        if (access == Access.Atomic || bytes < Unit) return;
        // Words are looked at by their first half.
        for (ulong at = address; at < address + (ulong)bytes; at += 4)
        {
            ref var cell = ref CellAt(at);
            string? problem = access == Access.Write ? Write(ref cell, thread) : Read(ref cell, thread, access == Access.ReadFresh);
            if (problem is not null) throw new PtxFault($"{access} at {address:X}, {problem}");
        }
    }

    private ref Cell CellAt(ulong address)
    {
        ulong page = address >> PageBits;
        if (page != _lastPage)
        {
            if (!_pages.TryGetValue(page, out var cells)) _pages[page] = cells = new Cell[(1 << PageBits) / Unit];
            (_lastPage, _last) = (page, cells);
        }
        return ref _last[(int)(address & ((1 << PageBits) - 1)) / Unit];
    }

    private static string? Read(ref Cell cell, PtxThread thread, bool fresh)
    {
        var (launch, epoch, me) = (thread.Block.Launch, thread.Block.Epoch, thread.Number + 1);
        if (cell.Writer != 0 && cell.Writer != me)
        {
            if (!IsOfBlock(cell.Writer, thread))
            {
                string writer = $"which block {(cell.Writer - 1) / launch.Threads} wrote";
                if (!fresh) return $"{writer}: the cache may hold what was there before";
                if (launch.FencesAtAtomic(cell.Writer - 1) <= cell.WriterFences) return $"{writer}, without a fence before it said so";
                if (launch.Fences(thread.Number) <= launch.FencesAtAtomic(thread.Number)) return $"{writer}, without a fence before the read";
            }
            else if (cell.WriteEpoch == epoch) return $"which thread {(cell.Writer - 1) % launch.Threads} wrote since the last barrier";
        }
        if (cell.Reader != 0 && cell.Reader != me)
        {
            if (!IsOfBlock(cell.Reader, thread)) cell.OtherBlocks = true;
            else if (cell.ReadEpoch == epoch) cell.OtherReaders = true;
        }
        if (cell.ReadEpoch != epoch) cell.OtherReaders = false;
        (cell.Reader, cell.ReadEpoch) = (me, epoch);
        return null;
    }

    private static string? Write(ref Cell cell, PtxThread thread)
    {
        var (launch, epoch, me) = (thread.Block.Launch, thread.Block.Epoch, thread.Number + 1);
        if (cell.Writer != 0 && cell.Writer != me && (cell.WriteEpoch == epoch || !IsOfBlock(cell.Writer, thread)))
            return $"which thread {(cell.Writer - 1) % launch.Threads} of block {(cell.Writer - 1) / launch.Threads} wrote as well";
        if (cell.OtherBlocks || (cell.Reader != 0 && !IsOfBlock(cell.Reader, thread))) return "which another block reads";
        if (cell.Reader != 0 && cell.ReadEpoch == epoch && (cell.OtherReaders || cell.Reader != me))
            return "which another thread has read since the last barrier";
        (cell.Writer, cell.WriteEpoch, cell.WriterFences) = (me, epoch, launch.Fences(thread.Number));
        return null;
    }

    private static bool IsOfBlock(int number, PtxThread thread) => (number - 1) / thread.Block.Launch.Threads == thread.Block.Index;
}
