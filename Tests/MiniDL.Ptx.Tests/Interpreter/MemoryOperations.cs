using System.Runtime.InteropServices;

namespace MiniDL.Ptx.Tests.Interpreter;

/// <summary>Loads, stores, atomic additions and fences: ISA sections 9.7.9 and 9.7.13.</summary>
internal static class MemoryOperations
{
    /// <summary>What the instruction does; null if it is none of these.</summary>
    public static Action<PtxThread>? Compile(PtxInstruction instruction, PtxProgram program)
    {
        string[] parts = instruction.Opcode.Split('.');
        var operands = instruction.Operands;
        if (instruction.Opcode == "membar.gl") return t => t.Block.Launch.Fences(t.Number)++;
        if (instruction.Word is not ("ld" or "st" or "atom")) return null;
        var space = Space(parts[1]);
        string type = parts[^1];
        int size = new PtxRegister("", type).Bytes;
        if (instruction.Opcode == "atom.global.add.u32")
            return AtomicAdd(space, program.Slot(operands[0]), program.Slot(operands[1]), operands[1].Value, program.Slot(operands[2]));
        if (parts.Skip(2).SkipLast(1).Any(part => part is not ("v2" or "v4" or "cg"))) return null;
        bool isLoad = instruction.Word == "ld";
        var (values, address) = isLoad ? (operands[0], operands[1]) : (operands[1], operands[0]);
        PtxOperand[] all = [.. values.Parts ?? [values]];
        int[] slots = [.. all.Select(program.Slot)];
        if (!isLoad) return Store(space, program.Slot(address), address.Value, slots, size);
        int[] registerBytes = [.. all.Select(o => program.Kernel.Registers[o.Register].Bytes)];
        return Load(space, program.Slot(address), address.Value, slots, size, type[0] == 's', registerBytes,
            parts.Contains("cg") ? Access.ReadFresh : Access.Read);
    }

    private static Func<PtxThread, PtxSpace> Space(string name) => name switch
    {
        "global" => t => t.Block.Launch.Global,
        "shared" => t => t.Block.Shared,
        "param" => t => t.Block.Launch.Parameters,
        _ => throw new NotSupportedException($"memory .{name}"),
    };

    private static Action<PtxThread> Load(Func<PtxThread, PtxSpace> space, int from, long offset, int[] to, int size, bool signed,
        int[] registerBytes, Access access) => t =>
    {
        var bytes = space(t).At(t.Registers[from] + (ulong)offset, size * to.Length, t, access);
        for (int i = 0; i < to.Length; i++)
            t.Registers[to[i]] = Extended(Bits(bytes.Slice(i * size, size)), size, signed, registerBytes[i]);
    };

    private static Action<PtxThread> Store(Func<PtxThread, PtxSpace> space, int to, long offset, int[] from, int size) => t =>
    {
        var bytes = space(t).At(t.Registers[to] + (ulong)offset, size * from.Length, t, Access.Write);
        for (int i = 0; i < from.Length; i++)
        {
            ulong value = t.Registers[from[i]];
            MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(ref value))[..size].CopyTo(bytes[(i * size)..]);
        }
    };

    private static Action<PtxThread> AtomicAdd(Func<PtxThread, PtxSpace> space, int old, int to, long offset, int what) => t =>
    {
        var bytes = space(t).At(t.Registers[to] + (ulong)offset, 4, t, Access.Atomic);
        uint before = BitConverter.ToUInt32(bytes);
        BitConverter.TryWriteBytes(bytes, before + t.Get<uint>(what));
        t.Set(old, before);
        t.Block.Launch.AtAtomic(t.Block);
    };

    private static ulong Bits(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        1 => bytes[0],
        2 => BitConverter.ToUInt16(bytes),
        4 => BitConverter.ToUInt32(bytes),
        _ => BitConverter.ToUInt64(bytes),
    };

    /// <summary>A value as a register that may be wider holds it.</summary>
    private static ulong Extended(ulong value, int size, bool signed, int registerBytes)
    {
        if (!signed || size == registerBytes) return value;
        int unused = 64 - 8 * size;
        return (ulong)((long)(value << unused) >> unused) & (registerBytes == 8 ? ulong.MaxValue : (1ul << (8 * registerBytes)) - 1);
    }
}
