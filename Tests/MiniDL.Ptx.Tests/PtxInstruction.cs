namespace MiniDL.Ptx.Tests;

internal enum OperandKind
{
    /// <summary>A virtual register.</summary>
    Register,

    /// <summary>A number: an integer, or the bits of a float (0f…) or double (0d…).</summary>
    Immediate,

    /// <summary>[register + offset] or [name + offset].</summary>
    Address,

    /// <summary>{a, b, …}.</summary>
    Vector,

    /// <summary>A label, a variable or a register of the machine, such as %tid.x.</summary>
    Name,
}

/// <summary>What an instruction works on.</summary>
/// <param name="Register">Its number among the kernel's registers; −1 if it has none.</param>
/// <param name="Name">The name where there is no register.</param>
/// <param name="Value">The number, or the offset of an address.</param>
/// <param name="Parts">The parts of a vector.</param>
internal sealed record PtxOperand(
    OperandKind Kind, int Register = -1, string Name = "", long Value = 0, IReadOnlyList<PtxOperand>? Parts = null)
{
    /// <summary>The registers that are read when the operand is one of the instruction's sources, or stands for an address.</summary>
    public IEnumerable<int> Registers => Parts is not null ? Parts.SelectMany(p => p.Registers) : Register >= 0 ? [Register] : [];
}

/// <summary>One instruction of a kernel.</summary>
/// <param name="Opcode">With all modifiers and types: ld.shared.v4.f32.</param>
/// <param name="Guard">The predicate without which it does nothing; −1 if there is none.</param>
/// <param name="GuardIsNegated">Whether it is the predicate being false that lets it run.</param>
/// <param name="Line">The line in the module's text, from 1.</param>
internal sealed record PtxInstruction(string Opcode, IReadOnlyList<PtxOperand> Operands, int Guard, bool GuardIsNegated, int Line)
{
    private static readonly string[] WithoutResult = ["st", "red", "bra", "bar", "barrier", "membar", "fence", "ret", "exit", "trap"];

    /// <summary>The first word: ld.</summary>
    public string Word { get; } = Opcode.Split('.')[0];

    public bool IsBranch => Word == "bra";

    /// <summary>Whether the thread ends here.</summary>
    public bool IsEnd => Word is "ret" or "exit" or "trap";

    public bool IsShared { get; } = Opcode.Contains(".shared.");

    public bool IsGlobal { get; } = Opcode.Contains(".global.") && !Opcode.StartsWith("cvta");

    private bool HasResult => !WithoutResult.Contains(Word);

    /// <summary>The registers that it writes.</summary>
    public IEnumerable<int> Writes => HasResult ? Operands[0].Registers : [];

    /// <summary>The registers that it reads.</summary>
    public IEnumerable<int> Reads =>
        Operands.Skip(HasResult ? 1 : 0).SelectMany(o => o.Registers).Concat(Guard >= 0 ? [Guard] : []);

    public override string ToString() => $"line {Line}: {Opcode}";
}
