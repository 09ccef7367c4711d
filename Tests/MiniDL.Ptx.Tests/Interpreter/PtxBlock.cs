using System.Runtime.CompilerServices;
using MiniDL.Ptx.Tests.Profile;

namespace MiniDL.Ptx.Tests.Interpreter;

/// <summary>What a GPU would fault on, or do wrong now and then.</summary>
internal sealed class PtxFault(string message) : Exception(message);

/// <summary>One launch of a kernel.</summary>
internal sealed class PtxLaunch(PtxProgram program, byte[] arguments, PtxGlobal global, int threads, int dynamicBytes)
{
    private int[] _fences = [], _fencesAtAtomic = [];

    public PtxProgram Program => program;

    public PtxParameters Parameters { get; } = new(arguments);

    public PtxGlobal Global => global;

    public int Threads => threads;

    /// <summary>How many fences a thread has passed, by its number in the launch.</summary>
    public ref int Fences(int thread) => ref _fences[thread];

    /// <summary>How many it had passed when its block last took part in an atomic operation, by which blocks learn of each other.</summary>
    public int FencesAtAtomic(int thread) => _fencesAtAtomic[thread];

    /// <summary>Notes that a thread of the block takes part in an atomic operation.</summary>
    public void AtAtomic(PtxBlock block) => Array.Copy(_fences, block.Index * threads, _fencesAtAtomic, block.Index * threads, threads);

    public int SharedBytes => program.DeclaredShared + dynamicBytes;

    /// <summary>Where to count what warps do; null if nobody asks.</summary>
    public LaunchCounters? Counters { get; init; }

    /// <summary>Where to note which memory the launch uses; null if nobody asks.</summary>
    public GraphNode? Node { get; init; }

    public void Run(int blocks) => Run(blocks, 0, blocks);

    /// <summary>Runs some of the blocks only.</summary>
    public void Run(int blocks, int first, int end)
    {
        (_fences, _fencesAtAtomic) = (new int[blocks * threads], new int[blocks * threads]);
        for (int block = first; block < end; block++) new PtxBlock(this, block).Run();
    }
}

/// <summary>
/// A block of threads. Each runs alone until it comes to a barrier or to an operation of its warp; there it waits for the others.
/// <see cref="PtxAccesses"/> finds what depends on that order.
/// </summary>
internal sealed class PtxBlock
{
    private const int WarpSize = 32;
    private const long MaxSteps = 100_000_000;

    private readonly PtxThread[][] _warps;
    private readonly PtxStep[] _steps;

    public PtxBlock(PtxLaunch launch, int index)
    {
        Launch = launch;
        Index = index;
        Shared = new(launch.SharedBytes);
        _steps = launch.Program.Steps;
        _warps = [.. Enumerable.Range(0, launch.Threads).Select(NewThread).Chunk(WarpSize)];
    }

    public PtxLaunch Launch { get; }

    public int Index { get; }

    public PtxShared Shared { get; }

    /// <summary>How many barriers the block has passed.</summary>
    public int Epoch { get; private set; }

    /// <exception cref="PtxFault">The kernel does what it must not.</exception>
    public void Run()
    {
        do
        {
            foreach (var warp in _warps) RunWarp(warp);
            Launch.Counters?.Take(this, _warps);
        }
        while (PassBarrier());
    }

    private PtxThread NewThread(int thread)
    {
        ulong[] registers = Launch.Program.NewRegisters();
        (registers[Launch.Program.ThreadIndex], registers[Launch.Program.BlockIndex]) = ((ulong)thread, (ulong)Index);
        return new(this, thread, registers) { Visits = Launch.Counters is null ? null : new int[_steps.Length] };
    }

    /// <summary>Lets the threads of a warp go on until all wait for the block or have ended.</summary>
    private void RunWarp(PtxThread[] warp)
    {
        while (true)
        {
            foreach (var thread in warp)
                if (thread.State == ThreadState.Running) RunThread(thread);
            if (Array.Find(warp, t => t.State == ThreadState.AtWarpOperation) is not { } first) return;
            var step = _steps[first.Next];
            if (warp.Length != WarpSize || warp.Any(t => t.State != ThreadState.AtWarpOperation || t.Next != first.Next))
                throw Fault(first, "not all 32 lanes of the warp are here");
            step.Together!(warp);
            foreach (var thread in warp) Resume(thread);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void RunThread(PtxThread thread)
    {
        try
        {
            for (long count = 0; count < MaxSteps; count++)
            {
                var step = _steps[thread.Next];
                Launch.Program.HasRun[thread.Next] = true;
                if (thread.Visits is { } visits) visits[thread.Next]++;
                if (step.Guard >= 0 && thread.Holds(step.Guard) == step.GuardIsNegated) thread.Next++;
                else if (step.Kind == StepKind.Plain)
                {
                    step.Run!(thread);
                    thread.Next++;
                }
                else if (step.Kind == StepKind.Branch) thread.Next = step.Target;
                else
                {
                    thread.State = step.Kind switch
                    {
                        StepKind.End => ThreadState.Ended,
                        StepKind.Barrier => ThreadState.AtBarrier,
                        _ => ThreadState.AtWarpOperation,
                    };
                    return;
                }
            }
        }
        catch (Exception e)
        {
            throw Fault(thread, e.Message);
        }
        throw Fault(thread, "does not end");
    }

    /// <summary>Whether all threads came to the same barrier, and go on; false if all have ended.</summary>
    private bool PassBarrier()
    {
        if (Find(t => t.State == ThreadState.AtBarrier) is not { } first) return false;
        if (Find(t => t.State != ThreadState.AtBarrier || t.Next != first.Next) is not null)
            throw Fault(first, "not all threads of the block come to this barrier");
        Epoch++;
        foreach (var warp in _warps)
            foreach (var thread in warp) Resume(thread);
        return true;
    }

    private PtxThread? Find(Predicate<PtxThread> condition)
    {
        foreach (var warp in _warps)
            if (Array.Find(warp, condition) is { } found) return found;
        return null;
    }

    private static void Resume(PtxThread thread) => (thread.State, thread.Next) = (ThreadState.Running, thread.Next + 1);

    private PtxFault Fault(PtxThread thread, string what) =>
        new($"{Launch.Program.Kernel}, block {Index}, thread {thread.Index}, {_steps[thread.Next].Instruction}: {what}");
}
