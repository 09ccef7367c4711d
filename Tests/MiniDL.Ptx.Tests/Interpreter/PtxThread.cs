using System.Runtime.CompilerServices;

namespace MiniDL.Ptx.Tests.Interpreter;

internal enum ThreadState { Running, AtBarrier, AtWarpOperation, Ended }

/// <summary>A thread of a block: its registers and where it is.</summary>
/// <param name="registers">Those of the kernel, then what its instructions have instead: numbers, names and %tid.x.</param>
internal sealed class PtxThread(PtxBlock block, int index, ulong[] registers)
{
    public readonly ulong[] Registers = registers;

    public PtxBlock Block => block;

    /// <summary>Its number in the block.</summary>
    public int Index => index;

    /// <summary>The instruction that comes next.</summary>
    public int Next;

    public ThreadState State;

    /// <summary>How often it came to each instruction since the last barrier, where that is counted.</summary>
    public int[]? Visits;

    /// <summary>Its number in the launch.</summary>
    public readonly int Number = block.Index * block.Launch.Threads + index;

    /// <summary>The register's low bits as a value of this type.</summary>
    public T Get<T>(int register) where T : unmanaged => Unsafe.As<ulong, T>(ref Registers[register]);

    /// <summary>The value in the low bits, zeros above.</summary>
    public void Set<T>(int register, T value) where T : unmanaged
    {
        ulong bits = 0;
        Unsafe.As<ulong, T>(ref bits) = value;
        Registers[register] = bits;
    }

    public bool Holds(int predicate) => Registers[predicate] != 0;
}
