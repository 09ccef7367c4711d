namespace MiniDL.Ptx.Tests.Interpreter;

/// <summary>What the 32 threads of a warp do together: shuffles (ISA 9.7.9) and products on tensor cores (ISA 9.7.14).</summary>
internal static class WarpOperations
{
    private const int Lanes = 32;

    public static Action<PtxThread[]> Compile(PtxInstruction instruction, PtxProgram program)
    {
        int[] Slots(int operand) => [.. (instruction.Operands[operand].Parts ?? [instruction.Operands[operand]]).Select(program.Slot)];
        return instruction.Opcode switch
        {
            "shfl.sync.bfly.b32" => Butterfly([.. instruction.Operands.Select(program.Slot)]),
            "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32" => Product(8, Tf32A, Tf32B, Slots(0), Slots(1), Slots(2), Slots(3)),
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32" => Product(16, Bf16A, Bf16B, Slots(0), Slots(1), Slots(2), Slots(3)),
            _ => throw new NotSupportedException($"{program.Kernel}: {instruction}"),
        };
    }

    /// <summary>Each lane gets the value of the lane whose number differs in the bits of b.</summary>
    private static Action<PtxThread[]> Butterfly(int[] s) => warp =>
    {
        uint[] values = [.. warp.Select(t => t.Get<uint>(s[1]))];
        for (int lane = 0; lane < Lanes; lane++)
        {
            var thread = warp[lane];
            if (thread.Get<uint>(s[3]) != Lanes - 1 || thread.Get<uint>(s[4]) != uint.MaxValue)
                throw new PtxFault($"{thread.Block.Launch.Program.Kernel}: a shuffle of less than a warp");
            thread.Set(s[0], values[lane ^ (int)thread.Get<uint>(s[2])]);
        }
    };

    /// <summary>Where a value of a fragment is in its matrix, and the value.</summary>
    private delegate (int Row, int Column, double Value) Element(PtxThread thread, int[] registers, int index, int group, int place);

    /// <summary>
    /// D = A · B + C of 16 × k and k × 8. How the lanes hold the matrices is in the ISA's sections "Matrix Fragments for mma.m16n8k8" and
    /// "… mma.m16n8k16 with floating point type": groupID = lane / 4, threadID_in_group = lane % 4. The sum's order and roundings are the
    /// hardware's own; here it is exact, and rounded once.
    /// </summary>
    private static Action<PtxThread[]> Product(
        int depth, Element elementOfA, Element elementOfB, int[] d, int[] a, int[] b, int[] c) => warp =>
    {
        var (left, right) = (new double[16, depth], new double[depth, 8]);
        for (int lane = 0; lane < Lanes; lane++)
        {
            for (int i = 0; i < 16 * depth / Lanes; i++)
            {
                var (row, column, value) = elementOfA(warp[lane], a, i, lane / 4, lane % 4);
                left[row, column] = value;
            }
            for (int i = 0; i < depth * 8 / Lanes; i++)
            {
                var (row, column, value) = elementOfB(warp[lane], b, i, lane / 4, lane % 4);
                right[row, column] = value;
            }
        }
        for (int lane = 0; lane < Lanes; lane++)
            for (int i = 0; i < 4; i++)
            {
                // c0 and c1 are in row groupID, c2 and c3 in row groupID + 8; columns 2 · threadID_in_group + (i & 1).
                int row = lane / 4 + (i < 2 ? 0 : 8), column = lane % 4 * 2 + (i & 1);
                double sum = warp[lane].Get<float>(c[i]);
                for (int k = 0; k < depth; k++) sum += left[row, k] * right[k, column];
                warp[lane].Set(d[i], (float)sum);
            }
    };

    /// <summary>Rows: groupID for a0 and a2, + 8 for a1 and a3; columns: threadID_in_group for a0 and a1, + 4 for a2 and a3.</summary>
    private static (int, int, double) Tf32A(PtxThread thread, int[] registers, int i, int group, int place) =>
        (group + (i is 0 or 2 ? 0 : 8), place + (i < 2 ? 0 : 4), Tf32(thread, registers[i]));

    /// <summary>Rows: threadID_in_group for b0, + 4 for b1; column groupID.</summary>
    private static (int, int, double) Tf32B(PtxThread thread, int[] registers, int i, int group, int place) =>
        (place + 4 * i, group, Tf32(thread, registers[i]));

    /// <summary>The tensor core looks at 19 bits: it would cut off what has not been rounded.</summary>
    private static double Tf32(PtxThread thread, int register) =>
        BitConverter.UInt32BitsToSingle(thread.Get<uint>(register) & ~0x1FFFu);

    /// <summary>
    /// Rows: groupID for a0, a1, a4 and a5, else groupID + 8; columns: 2 · threadID_in_group + (i &amp; 1), + 8 from a4 on.
    /// Two to a register, the first in the lower half.
    /// </summary>
    private static (int, int, double) Bf16A(PtxThread thread, int[] registers, int i, int group, int place) =>
        (group + (i is 0 or 1 or 4 or 5 ? 0 : 8), place * 2 + (i & 1) + (i < 4 ? 0 : 8), Bf16(thread, registers, i));

    /// <summary>Rows: 2 · threadID_in_group + (i &amp; 1), + 8 from b2 on; column groupID.</summary>
    private static (int, int, double) Bf16B(PtxThread thread, int[] registers, int i, int group, int place) =>
        (place * 2 + (i & 1) + (i < 2 ? 0 : 8), group, Bf16(thread, registers, i));

    private static double Bf16(PtxThread thread, int[] registers, int i) =>
        BitConverter.UInt32BitsToSingle(thread.Get<uint>(registers[i / 2]) >> (16 * (i & 1)) << 16);
}
