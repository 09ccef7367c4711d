using System.Collections;

namespace MiniDL.Ptx.Tests;

/// <summary>
/// How many 32-bit registers hold values at the same time, at least: a value lives from where it is written to where it is read for the
/// last time, on any way through the kernel. The assembler orders instructions anew and makes some values again instead of keeping them,
/// and wants a few registers for addresses and itself: ptxas 11.8 takes from 62 fewer to 18 more than this (all kernels, both targets), 3 more
/// in the middle, 15 more at most of those above 60.
/// </summary>
internal static class PtxLiveness
{
    /// <summary>The most words that live at once, and the instruction after which they do.</summary>
    public static (int Words, PtxInstruction At) Max(PtxKernel kernel)
    {
        var live = LiveAfter(kernel);
        var (most, at) = (-1, 0);
        for (int i = 0; i < live.Length; i++)
        {
            // What is written here takes a register even if nobody reads it.
            foreach (int written in kernel.Instructions[i].Writes) live[i][written] = true;
            int words = 0;
            for (int register = 0; register < kernel.Registers.Count; register++)
                if (live[i][register]) words += kernel.Registers[register].Words;
            if (words > most) (most, at) = (words, i);
        }
        return (most, kernel.Instructions[at]);
    }

    /// <summary>For every instruction the registers that are still read after it.</summary>
    private static BitArray[] LiveAfter(PtxKernel kernel)
    {
        var after = kernel.Instructions.Select(_ => new BitArray(kernel.Registers.Count)).ToArray();
        int[][] following = [.. Enumerable.Range(0, after.Length).Select(i => kernel.Following(i).ToArray())];
        for (bool changed = true; changed;)
        {
            changed = false;
            for (int i = after.Length - 1; i >= 0; i--)
                foreach (int next in following[i])
                {
                    var before = Before(kernel.Instructions[next], after[next]);
                    // New registers are those that `before` has and `after` lacks.
                    if (!new BitArray(after[i]).Not().And(before).HasAnySet()) continue;
                    after[i].Or(before);
                    changed = true;
                }
        }
        return after;
    }

    private static BitArray Before(PtxInstruction instruction, BitArray after)
    {
        var before = new BitArray(after);
        // Under a predicate that is false the old value stays.
        if (instruction.Guard < 0)
            foreach (int written in instruction.Writes) before[written] = false;
        foreach (int read in instruction.Reads) before[read] = true;
        return before;
    }
}
