using System.Numerics;
using System.Runtime.CompilerServices;

namespace MiniDL.Ptx.Tests.Interpreter;

/// <summary>Arithmetic, comparisons, selections, logic and shifts: ISA sections 9.7.1 to 9.7.8.</summary>
internal static class Arithmetic
{
    /// <summary>What the instruction does; null if it is none of these.</summary>
    public static Action<PtxThread>? Compile(PtxInstruction instruction, PtxProgram program)
    {
        if (instruction.Word is "cvt" or "mov" or "ld" or "st" or "cvta" or "atom" or "membar") return null;
        int[] slots = [.. instruction.Operands.Select(program.Slot)];
        int dot = instruction.Opcode.LastIndexOf('.');
        string operation = instruction.Opcode[..dot];
        return instruction.Opcode[(dot + 1)..] switch
        {
            "s16" => Integer<short, int>(operation, slots),
            "u16" or "b16" => Integer<ushort, uint>(operation, slots),
            "s32" => Integer<int, long>(operation, slots),
            "u32" or "b32" => Integer<uint, ulong>(operation, slots),
            "s64" => Integer<long, Int128>(operation, slots),
            "u64" or "b64" => Integer<ulong, UInt128>(operation, slots),
            "f32" => Real<float>(operation, slots),
            "f64" => Real<double>(operation, slots),
            "pred" => Logical(operation, slots),
            _ => null,
        };
    }

    private static Action<PtxThread>? Integer<T, TWide>(string operation, int[] s)
        where T : unmanaged, IBinaryInteger<T> where TWide : unmanaged, IBinaryInteger<TWide> => operation switch
        {
            "add" => Binary<T>(s, (a, b) => a + b),
            "sub" => Binary<T>(s, (a, b) => a - b),
            "mul.lo" => Binary<T>(s, (a, b) => a * b),
            "mul.hi" => Binary<T>(s, (a, b) => T.CreateTruncating(Product<T, TWide>(a, b) >> Bits<T>())),
            "mul.wide" => t => t.Set(s[0], Product<T, TWide>(t.Get<T>(s[1]), t.Get<T>(s[2]))),
            "mad.wide" => t => t.Set(s[0], Product<T, TWide>(t.Get<T>(s[1]), t.Get<T>(s[2])) + t.Get<TWide>(s[3])),
            "mad.lo" => Ternary<T>(s, (a, b, c) => a * b + c),
            "div" => Binary<T>(s, (a, b) => a / b),
            "rem" => Binary<T>(s, (a, b) => a % b),
            "min" => Binary<T>(s, T.Min),
            "max" => Binary<T>(s, T.Max),
            "neg" => Unary<T>(s, a => -a),
            "abs" => Unary<T>(s, a => a < T.Zero ? -a : a),
            "and" => Binary<T>(s, (a, b) => a & b),
            "or" => Binary<T>(s, (a, b) => a | b),
            "xor" => Binary<T>(s, (a, b) => a ^ b),
            "not" => Unary<T>(s, a => ~a),
            "shl" => Shift<T>(s, (a, by) => by < Bits<T>() ? a << by : T.Zero),
            // Further than its bits: all become the sign, or zero.
            "shr" => Shift<T>(s, (a, by) => by < Bits<T>() ? a >> by : a >> (Bits<T>() - 1) >> 1),
            "bfe" when typeof(T) == typeof(uint) => Ternary<T>(s, ExtractBits),
            "selp" => Select<T>(s),
            "setp.eq" => Compare<T>(s, (a, b) => a == b),
            "setp.ne" => Compare<T>(s, (a, b) => a != b),
            "setp.lt" => Compare<T>(s, (a, b) => a < b),
            "setp.le" => Compare<T>(s, (a, b) => a <= b),
            "setp.gt" => Compare<T>(s, (a, b) => a > b),
            "setp.ge" => Compare<T>(s, (a, b) => a >= b),
            _ => null,
        };

    private static Action<PtxThread>? Real<T>(string operation, int[] s)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => operation switch
        {
            "add" or "add.rn" => Binary<T>(s, (a, b) => a + b),
            "sub" or "sub.rn" => Binary<T>(s, (a, b) => a - b),
            "mul" or "mul.rn" => Binary<T>(s, (a, b) => a * b),
            "div.rn" => Binary<T>(s, (a, b) => a / b),
            "fma.rn" => Ternary<T>(s, T.FusedMultiplyAdd),
            "rcp.rn" => Unary<T>(s, a => T.One / a),
            "sqrt.rn" => Unary<T>(s, T.Sqrt),
            // Of a number and NaN these take the number.
            "min" => Binary<T>(s, T.MinNumber),
            "max" => Binary<T>(s, T.MaxNumber),
            "neg" => Unary<T>(s, a => -a),
            "abs" => Unary<T>(s, T.Abs),
            "selp" => Select<T>(s),
            "setp.eq" => Compare<T>(s, (a, b) => a == b),
            "setp.ne" => Compare<T>(s, (a, b) => a < b || a > b),
            "setp.lt" => Compare<T>(s, (a, b) => a < b),
            "setp.le" => Compare<T>(s, (a, b) => a <= b),
            "setp.gt" => Compare<T>(s, (a, b) => a > b),
            "setp.ge" => Compare<T>(s, (a, b) => a >= b),
            // These hold for NaN as well.
            "setp.equ" => Compare<T>(s, (a, b) => !(a < b || a > b)),
            "setp.neu" => Compare<T>(s, (a, b) => !(a == b)),
            "setp.ltu" => Compare<T>(s, (a, b) => !(a >= b)),
            "setp.leu" => Compare<T>(s, (a, b) => !(a > b)),
            "setp.gtu" => Compare<T>(s, (a, b) => !(a <= b)),
            "setp.geu" => Compare<T>(s, (a, b) => !(a < b)),
            "setp.num" => Compare<T>(s, (a, b) => !T.IsNaN(a) && !T.IsNaN(b)),
            "setp.nan" => Compare<T>(s, (a, b) => T.IsNaN(a) || T.IsNaN(b)),
            _ => null,
        };

    private static Action<PtxThread>? Logical(string operation, int[] s) => operation switch
    {
        "and" => t => Truth(t, s[0], t.Holds(s[1]) && t.Holds(s[2])),
        "or" => t => Truth(t, s[0], t.Holds(s[1]) || t.Holds(s[2])),
        "xor" => t => Truth(t, s[0], t.Holds(s[1]) != t.Holds(s[2])),
        "not" => t => Truth(t, s[0], !t.Holds(s[1])),
        _ => null,
    };

    public static void Truth(PtxThread thread, int predicate, bool holds) => thread.Registers[predicate] = holds ? 1ul : 0;

    private static int Bits<T>() => 8 * Unsafe.SizeOf<T>();

    private static TWide Product<T, TWide>(T a, T b) where T : IBinaryInteger<T> where TWide : IBinaryInteger<TWide> =>
        TWide.CreateTruncating(a) * TWide.CreateTruncating(b);

    private static T ExtractBits<T>(T value, T first, T count) where T : IBinaryInteger<T>
    {
        int from = int.CreateTruncating(first) & 255, bits = int.CreateTruncating(count) & 255;
        ulong shifted = from < 32 ? ulong.CreateTruncating(value) >> from : 0;
        return T.CreateTruncating(bits < 32 ? shifted & ((1ul << bits) - 1) : shifted);
    }

    private static Action<PtxThread> Unary<T>(int[] s, Func<T, T> f) where T : unmanaged
    {
        var (d, a) = (s[0], s[1]);
        return t => t.Set(d, f(t.Get<T>(a)));
    }

    private static Action<PtxThread> Binary<T>(int[] s, Func<T, T, T> f) where T : unmanaged
    {
        var (d, a, b) = (s[0], s[1], s[2]);
        return t => t.Set(d, f(t.Get<T>(a), t.Get<T>(b)));
    }

    private static Action<PtxThread> Ternary<T>(int[] s, Func<T, T, T, T> f) where T : unmanaged
    {
        var (d, a, b, c) = (s[0], s[1], s[2], s[3]);
        return t => t.Set(d, f(t.Get<T>(a), t.Get<T>(b), t.Get<T>(c)));
    }

    private static Action<PtxThread> Shift<T>(int[] s, Func<T, int, T> f) where T : unmanaged
    {
        var (d, a, by) = (s[0], s[1], s[2]);
        return t => t.Set(d, f(t.Get<T>(a), (int)Math.Min(t.Get<uint>(by), 64)));
    }

    private static Action<PtxThread> Compare<T>(int[] s, Func<T, T, bool> f) where T : unmanaged
    {
        var (d, a, b) = (s[0], s[1], s[2]);
        return t => Truth(t, d, f(t.Get<T>(a), t.Get<T>(b)));
    }

    private static Action<PtxThread> Select<T>(int[] s) where T : unmanaged
    {
        var (d, a, b, predicate) = (s[0], s[1], s[2], s[3]);
        return t => t.Set(d, t.Get<T>(t.Holds(predicate) ? a : b));
    }
}
