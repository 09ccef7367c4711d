namespace MiniDL.Ptx.Tests.Interpreter;

/// <summary>What a thread does with memory. Fresh reads pass by the cache of the multiprocessor.</summary>
internal enum Access { Read, ReadFresh, Write, Atomic }

/// <summary>A state space.</summary>
internal abstract class PtxSpace
{
    /// <summary>The bytes at an address.</summary>
    /// <exception cref="PtxFault">They are not all there, not at a multiple of their count, or another thread is at them.</exception>
    public Span<byte> At(ulong address, int bytes, PtxThread thread, Access access)
    {
        if (address % (ulong)bytes != 0) throw new PtxFault($"{bytes} bytes at {address:X}, which is no multiple");
        return Find(address, bytes, thread, access);
    }

    protected abstract Span<byte> Find(ulong address, int bytes, PtxThread thread, Access access);
}

/// <summary>The structure that the kernel takes by value.</summary>
internal sealed class PtxParameters(byte[] bytes) : PtxSpace
{
    public const ulong Base = 0x1000;

    protected override Span<byte> Find(ulong address, int count, PtxThread thread, Access access) =>
        address >= Base && address - Base + (ulong)count <= (ulong)bytes.Length && access == Access.Read
            ? bytes.AsSpan((int)(address - Base), count)
            : throw new PtxFault($"{access} of {count} bytes at {(long)(address - Base)} of {bytes.Length} bytes of parameters");
}

/// <summary>A block's shared memory; it starts as NaN.</summary>
internal sealed class PtxShared : PtxSpace
{
    public const ulong Base = 0x2000;

    private readonly byte[] _bytes;
    private readonly PtxAccesses _accesses = new();

    public PtxShared(int bytes)
    {
        _bytes = new byte[bytes];
        Array.Fill(_bytes, byte.MaxValue);
    }

    protected override Span<byte> Find(ulong address, int count, PtxThread thread, Access access)
    {
        if (address < Base || address - Base + (ulong)count > (ulong)_bytes.Length)
            throw new PtxFault($"{access} of {count} bytes at {(long)(address - Base)} of {_bytes.Length} bytes of shared memory");
        _accesses.Note(address, count, thread, access);
        thread.Block.Launch.Counters?.Note(thread, address, count);
        return _bytes.AsSpan((int)(address - Base), count);
    }
}

/// <summary>Global memory during a launch: the driver's allocations.</summary>
internal sealed unsafe class PtxGlobal(Func<ulong, (ulong Start, ulong Bytes)?> findAllocation) : PtxSpace
{
    private readonly List<(ulong Start, ulong Bytes)> _allocations = [];
    private readonly PtxAccesses _accesses = new();

    protected override Span<byte> Find(ulong address, int count, PtxThread thread, Access access)
    {
        if (!IsKnown(address, count))
        {
            if (findAllocation(address) is { } found) _allocations.Add(found);
            if (!IsKnown(address, count)) throw new PtxFault($"{access} of {count} bytes at {address:X}, which are not allocated");
        }
        _accesses.Note(address, count, thread, access);
        thread.Block.Launch.Counters?.Note(thread, address, count);
        thread.Block.Launch.Node?.Note(address, count, access);
        return new Span<byte>((void*)address, count);
    }

    private bool IsKnown(ulong address, int count)
    {
        foreach (var (start, bytes) in _allocations)
            if (address >= start && address - start + (ulong)count <= bytes) return true;
        return false;
    }
}
