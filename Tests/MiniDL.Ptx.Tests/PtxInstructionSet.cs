using System.Globalization;

namespace MiniDL.Ptx.Tests;

/// <summary>
/// The instructions that kernels may have, with the types of their operands: NVIDIA's assembler has accepted them, or NVIDIA's
/// "Parallel Thread Execution ISA" describes them for the PTX version and the target. The compiler does not look into inline
/// assembly, so that a mistake there would otherwise show on a GPU only.
/// </summary>
internal static class PtxInstructionSet
{
    /// <summary>One instruction.</summary>
    /// <param name="Operands">Each a type, p for a predicate, a for an address, l for a label, n for a number, or a vector: f32*4.</param>
    /// <param name="Ptx">The PTX version that brought it.</param>
    /// <param name="Target">The oldest target that has it, as 80 for sm_80.</param>
    public sealed record Form(string[] Operands, double Ptx, int Target);

    // Opcodes expand as in a shell: {add,sub}.{s32,s64} are four. Of operands, t stands for the last type of the opcode.
    private static readonly (string Section, double Ptx, int Target, string Opcodes, string Operands)[] Groups =
    [
        ("9.7.1 integer arithmetic", 1.0, 10, "{add,sub,mul.lo,mul.hi,min,max}.{s16,u16,s32,u32,s64,u64}", "t t t"),
        ("9.7.1 integer arithmetic", 1.0, 10, "{div,rem}.{s16,u16,s32,u32,s64,u64}", "t t t"),
        ("9.7.1 integer arithmetic", 1.0, 10, "mad.lo.{s32,u32,s64,u64}", "t t t t"),
        ("9.7.1 integer arithmetic", 1.0, 10, "mul.wide.{s32,u32}", "b64 t t"),
        ("9.7.1 integer arithmetic", 1.0, 10, "mul.wide.{s16,u16}", "b32 t t"),
        ("9.7.1 integer arithmetic", 1.0, 10, "mad.wide.{s32,u32}", "b64 t t b64"),
        ("9.7.1 integer arithmetic", 1.0, 10, "{neg,abs}.{s16,s32,s64}", "t t"),
        ("9.7.1 bit fields", 2.0, 20, "bfe.{s32,u32}", "t t u32 u32"),
        ("9.7.3 floating point", 1.0, 13, "{min,max}.{f32,f64}", "t t t"),
        ("9.7.3 floating point", 1.4, 13, "{add,sub,mul}.rn.{f32,f64}", "t t t"),
        ("9.7.3 floating point", 1.0, 13, "{neg,abs}.{f32,f64}", "t t"),
        ("9.7.3 floating point, rounded to nearest", 2.0, 20, "fma.rn.{f32,f64}", "t t t t"),
        ("9.7.3 floating point, rounded to nearest", 2.0, 20, "div.rn.{f32,f64}", "t t t"),
        ("9.7.3 floating point, rounded to nearest", 2.0, 20, "{rcp,sqrt}.rn.{f32,f64}", "t t"),
        ("9.7.6 comparison", 1.0, 13, "setp.{eq,ne,lt,le,gt,ge}.{s16,s32,s64,f32,f64}", "p t t"),
        ("9.7.6 comparison", 1.0, 10, "setp.{eq,ne,lt,le,gt,ge}.{u16,u32,u64}", "p t t"),
        ("9.7.6 comparison", 1.0, 10, "setp.{eq,ne}.{b16,b32,b64}", "p t t"),
        ("9.7.6 comparison", 1.0, 13, "setp.{equ,neu,ltu,leu,gtu,geu,num,nan}.{f32,f64}", "p t t"),
        ("9.7.6 selection", 1.0, 13, "selp.{b16,b32,b64,s16,s32,s64,u16,u32,u64,f32,f64}", "t t t p"),
        ("9.7.8 logic and shifts", 1.0, 10, "{and,or,xor}.{b16,b32,b64}", "t t t"),
        ("9.7.8 logic and shifts", 1.0, 10, "not.{b16,b32,b64}", "t t"),
        ("9.7.8 logic and shifts", 1.0, 10, "{and,or,xor}.pred", "p p p"),
        ("9.7.8 logic and shifts", 1.0, 10, "{not,mov}.pred", "p p"),
        ("9.7.8 logic and shifts", 1.0, 10, "shl.{b16,b32,b64}", "t t u32"),
        ("9.7.8 logic and shifts", 1.0, 10, "shr.{b16,b32,b64,s16,s32,s64,u16,u32,u64}", "t t u32"),
        ("9.7.9 moves", 1.0, 13, "mov.{b16,b32,b64,s16,s32,s64,u16,u32,u64,f32,f64}", "t t"),
        ("9.7.9 moves, into and out of halves", 1.0, 10, "mov.b64", "b64 b32*2"),
        ("9.7.9 moves, into and out of halves", 1.0, 10, "mov.b64", "b32*2 b64"),
        ("9.7.9 moves, into and out of halves", 1.0, 10, "mov.b32", "b32 b16*2"),
        ("9.7.9 moves, into and out of halves", 1.0, 10, "mov.b32", "b16*2 b32"),
        ("9.7.9 addresses", 2.0, 20, "cvta.to.{global,shared}.u64", "t t"),
        ("9.7.9 loads", 1.0, 13, "ld.{param,global,shared}.{b8,b16,b32,b64,s8,s16,s32,s64,u8,u16,u32,u64,f32,f64}", "t a"),
        ("9.7.9 loads", 1.0, 10, "ld.{param,global,shared}.v2.{b8,b16,b32,b64,s32,s64,u8,u16,u32,u64,f32,f64}", "t*2 a"),
        ("9.7.9 loads", 1.0, 10, "ld.{param,global,shared}.v4.{b8,b16,b32,s32,u8,u16,u32,f32}", "t*4 a"),
        ("9.7.9 loads from the L2 cache", 2.0, 20, "ld.global.cg.{b32,s32,u32,f32,b64,u64,f64}", "t a"),
        ("9.7.9 loads from the L2 cache", 2.0, 20, "ld.global.cg.v2.{b32,u32,f32,b64,u64,f64}", "t*2 a"),
        ("9.7.9 loads from the L2 cache", 2.0, 20, "ld.global.cg.v4.{b32,u32,f32}", "t*4 a"),
        ("9.7.9 stores", 1.0, 13, "st.{global,shared}.{b8,b16,b32,b64,s8,s16,s32,s64,u8,u16,u32,u64,f32,f64}", "a t"),
        ("9.7.9 stores", 1.0, 10, "st.{global,shared}.v2.{b8,b16,b32,b64,s32,s64,u8,u16,u32,u64,f32,f64}", "a t*2"),
        ("9.7.9 stores", 1.0, 10, "st.{global,shared}.v4.{b8,b16,b32,s32,u8,u16,u32,f32}", "a t*4"),
        ("9.7.9 conversions, integers", 1.0, 10, "cvt.{u16,s16}.{u8,s8,u32,s32,u64,s64}", "b16 t"),
        ("9.7.9 conversions, integers", 1.0, 10, "cvt.{u32,s32}.{u8,s8,u16,s16,u64,s64}", "b32 t"),
        ("9.7.9 conversions, integers", 1.0, 10, "cvt.{u64,s64}.{u8,s8,u16,s16,u32,s32}", "b64 t"),
        ("9.7.9 conversions, integers to floats", 1.0, 10, "cvt.rn.f32.{u8,s8,u16,s16,u32,s32,u64,s64}", "f32 t"),
        ("9.7.9 conversions, integers to floats", 1.0, 13, "cvt.rn.f64.{u8,s8,u16,s16,u32,s32,u64,s64}", "f64 t"),
        ("9.7.9 conversions, floats to integers", 1.0, 13, "cvt.{rzi,rni}.{s32,u32}.{f32,f64}", "b32 t"),
        ("9.7.9 conversions, floats to integers", 1.0, 13, "cvt.{rzi,rni}.{s64,u64}.{f32,f64}", "b64 t"),
        ("9.7.9 conversions, floats", 1.0, 13, "cvt.f64.f32", "f64 f32"),
        ("9.7.9 conversions, floats", 1.0, 13, "cvt.rn.f32.f64", "f32 f64"),
        ("9.7.9 conversions to TF32", 7.0, 80, "cvt.rna.tf32.f32", "b32 f32"),
        ("9.7.9 conversions to bfloat16", 7.0, 80, "cvt.rn.bf16.f32", "b16 f32"),
        ("9.7.9 conversions to bfloat16, the first into the upper half", 7.0, 80, "cvt.rn.bf16x2.f32", "b32 f32 f32"),
        ("9.7.9 shuffles", 6.0, 30, "shfl.sync.{bfly,idx,up,down}.b32", "t t b32 b32 b32"),
        ("9.7.12 branches", 1.0, 10, "bra", "l"),
        ("9.7.12 branches, the same for all threads of a warp", 1.0, 10, "bra.uni", "l"),
        ("9.7.12 return", 1.0, 10, "ret", ""),
        ("9.7.13 barrier of a block", 1.0, 10, "bar.sync", "n"),
        ("9.7.13 barrier of a warp", 6.0, 30, "bar.warp.sync", "n"),
        ("9.7.13 fence of the GPU; on sm_70 and newer it is fence.sc.gpu", 1.4, 10, "membar.gl", ""),
        ("9.7.13 atomic addition", 1.1, 11, "atom.global.add.u32", "t a t"),
        ("9.7.14 tensor cores, TF32", 7.0, 80, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", "f32*4 b32*4 b32*2 f32*4"),
        ("9.7.14 tensor cores, bfloat16", 7.0, 80, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", "f32*4 b32*4 b32*2 f32*4"),
        ("9.7.14 tensor cores, bfloat16", 7.0, 80, "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32", "f32*4 b32*2 b32*1 f32*4"),
    ];

    private static readonly ILookup<string, Form> Forms = Groups
        .SelectMany(g => Expand(g.Opcodes).Select(opcode => (opcode, Form: new Form(Operands(g.Operands, opcode), g.Ptx, g.Target))))
        .ToLookup(pair => pair.opcode, pair => pair.Form);

    /// <summary>What is wrong with an instruction of a kernel for this target; null if it is right.</summary>
    public static string? Problem(PtxInstruction instruction, PtxKernel kernel)
    {
        if (!Forms.Contains(instruction.Opcode)) return "is not on the list of instructions";
        var forms = Forms[instruction.Opcode];
        double version = double.Parse(kernel.Module.Version, CultureInfo.InvariantCulture);
        int target = int.Parse(kernel.Module.Target.AsSpan(3));
        if (forms.First() is var known && (known.Ptx > version || known.Target > target))
            return $"needs PTX {known.Ptx} and sm_{known.Target}";
        return forms.Any(form => Fits(form, instruction, kernel)) ? null
            : $"has operands of other types than {string.Join(" or ", forms.Select(f => string.Join(", ", f.Operands)))}";
    }

    private static bool Fits(Form form, PtxInstruction instruction, PtxKernel kernel)
    {
        if (form.Operands.Length != instruction.Operands.Count) return false;
        // Registers of loads, stores and conversions may be wider than the value.
        bool mayBeWider = instruction.Word is "ld" or "st" or "cvt";
        return form.Operands.Zip(instruction.Operands).All(pair => Fits(pair.First, pair.Second, kernel, mayBeWider));
    }

    private static bool Fits(string type, PtxOperand operand, PtxKernel kernel, bool mayBeWider)
    {
        if (type.Split('*') is [var part, var count] && count.Length > 0)
            return operand.Parts?.Count == int.Parse(count) && operand.Parts.All(o => Fits(part, o, kernel, mayBeWider));
        return operand.Kind switch
        {
            OperandKind.Register => type == "p" ? kernel.Registers[operand.Register].Type == "pred"
                : FitsRegister(type, kernel.Registers[operand.Register], mayBeWider),
            OperandKind.Immediate => type is not ("a" or "l"),
            OperandKind.Address => type == "a",
            OperandKind.Name => type == "l" ? kernel.Labels.ContainsKey(operand.Name) : type is "b32" or "u32" or "b64" or "u64",
            _ => false,
        };
    }

    /// <summary>Sizes agree, and floats do not meet integers; registers of bits (b32) go with either.</summary>
    private static bool FitsRegister(string type, PtxRegister register, bool mayBeWider)
    {
        if (type is "a" or "l" or "n" || register.Type == "pred") return false;
        var wanted = new PtxRegister("", type);
        bool sameSize = register.Bytes == wanted.Bytes, wider = mayBeWider && register.Bytes > wanted.Bytes && type[0] != 'f';
        return (sameSize || wider) && ((type[0] == 'f') == (register.Type[0] == 'f') || type[0] == 'b' || register.Type[0] == 'b');
    }

    private static string[] Operands(string operands, string opcode)
    {
        string type = opcode.Split('.')[^1];
        return [.. operands.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(o => o is "t" or ['t', '*', ..] ? type + o[1..] : o)];
    }

    /// <summary>All that the braces stand for.</summary>
    private static IEnumerable<string> Expand(string pattern)
    {
        int open = pattern.IndexOf('{');
        if (open < 0) return [pattern];
        int close = pattern.IndexOf('}');
        return pattern[(open + 1)..close].Split(',').SelectMany(word => Expand(pattern[..open] + word + pattern[(close + 1)..]));
    }
}
