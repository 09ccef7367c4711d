namespace MiniDL.Ptx.Tests.Interpreter;

internal enum StepKind { Plain, Branch, Barrier, WarpOperation, End }

/// <summary>An instruction, ready to run.</summary>
/// <param name="Run">What a plain one does to a thread.</param>
/// <param name="Together">What an operation of a warp does to its 32 threads.</param>
/// <param name="Target">Where a branch goes.</param>
internal sealed record PtxStep(
    StepKind Kind, PtxInstruction Instruction, Action<PtxThread>? Run = null, Action<PtxThread[]>? Together = null, int Target = -1)
{
    public int Guard { get; } = Instruction.Guard;

    public bool GuardIsNegated { get; } = Instruction.GuardIsNegated;
}

/// <summary>A kernel, ready to run: every instruction has become a delegate, every operand a register.</summary>
internal sealed class PtxProgram
{
    private const ulong Unset = 0xFFF7_DEAD_FFF7_DEAD;  // NaN as a double and as two floats

    private readonly Dictionary<string, int> _slots = [];
    private readonly List<ulong> _registers;

    /// <exception cref="NotSupportedException">There is an instruction that the interpreter lacks.</exception>
    public PtxProgram(PtxKernel kernel)
    {
        Kernel = kernel;
        _registers = [.. Enumerable.Repeat(Unset, kernel.Registers.Count)];
        ThreadIndex = Slot("%tid.x", 0);
        BlockIndex = Slot("%ctaid.x", 0);
        Slot(kernel.ParameterName, PtxParameters.Base);
        ulong place = PtxShared.Base;
        // What has its size from the launch comes last.
        foreach (var variable in kernel.SharedInUse.OrderBy(v => v.Bytes == 0))
        {
            place = (place + (ulong)variable.Alignment - 1) / (ulong)variable.Alignment * (ulong)variable.Alignment;
            Slot(variable.Name, place);
            place += (ulong)variable.Bytes;
        }
        DeclaredShared = (int)(place - PtxShared.Base);
        Steps = [.. kernel.Instructions.Select(Compile)];
        HasRun = new bool[Steps.Length];
    }

    public PtxKernel Kernel { get; }

    public PtxStep[] Steps { get; }

    /// <summary>Which instructions have run, in any launch.</summary>
    public bool[] HasRun { get; }

    /// <summary>Bytes of shared memory without what the launch asks for.</summary>
    public int DeclaredShared { get; }

    public int ThreadIndex { get; }

    public int BlockIndex { get; }

    /// <summary>The registers that a thread starts with.</summary>
    public ulong[] NewRegisters() => [.. _registers];

    /// <summary>The register that holds what an operand stands for; the base of an address.</summary>
    public int Slot(PtxOperand operand) => operand.Register >= 0 ? operand.Register
        : operand.Name.Length > 0 ? _slots.TryGetValue(operand.Name, out int slot) ? slot : throw new NotSupportedException(operand.Name)
        : Slot($"{operand.Value}", (ulong)operand.Value);

    private int Slot(string name, ulong value)
    {
        if (_slots.TryGetValue(name, out int slot)) return slot;
        _registers.Add(value);
        return _slots[name] = _registers.Count - 1;
    }

    private PtxStep Compile(PtxInstruction instruction) => instruction.Word switch
    {
        "bra" => new(StepKind.Branch, instruction, Target: Kernel.Labels[instruction.Operands[0].Name]),
        "ret" => new(StepKind.End, instruction),
        "bar" when instruction.Opcode == "bar.sync" && instruction.Operands[0].Value == 0 => new(StepKind.Barrier, instruction),
        "shfl" or "mma" => new(StepKind.WarpOperation, instruction, Together: WarpOperations.Compile(instruction, this)),
        _ => new(StepKind.Plain, instruction, (Arithmetic.Compile(instruction, this) ?? Conversions.Compile(instruction, this)
            ?? MemoryOperations.Compile(instruction, this)) ?? throw new NotSupportedException($"{Kernel}: {instruction}")),
    };
}
