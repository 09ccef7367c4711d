using System.Numerics;

namespace MiniDL.Ptx.Tests.Interpreter;

/// <summary>Moves and conversions: ISA section 9.7.9.</summary>
internal static class Conversions
{
    /// <summary>What the instruction does; null if it is none of these.</summary>
    public static Action<PtxThread>? Compile(PtxInstruction instruction, PtxProgram program)
    {
        string[] parts = instruction.Opcode.Split('.');
        var operands = instruction.Operands;
        switch (instruction.Opcode)
        {
            case "cvta.to.global.u64" or "cvta.to.shared.u64":
                // Generic addresses of global memory are those of global memory; shared memory's are not used.
                return parts[2] == "global" ? Move<ulong>(program.Slot(operands[0]), program.Slot(operands[1])) : null;
            case "mov.b64" or "mov.b32" when operands[0].Parts is not null:
                return Unpack([.. operands[0].Parts!.Select(program.Slot)], program.Slot(operands[1]), parts[1] == "b64" ? 32 : 16);
            case "mov.b64" or "mov.b32" when operands[1].Parts is not null:
                return Pack(program.Slot(operands[0]), [.. operands[1].Parts!.Select(program.Slot)], parts[1] == "b64" ? 32 : 16);
            case "cvt.rn.bf16x2.f32":
                return PackBrainFloats([.. operands.Select(program.Slot)]);
        }
        if (instruction.Word is not ("mov" or "cvt")) return null;
        var (d, a) = (program.Slot(operands[0]), program.Slot(operands[1]));
        if (instruction.Word == "mov")
            return parts[1] switch
            {
                "pred" => t => Arithmetic.Truth(t, d, t.Holds(a)),
                "b16" or "u16" or "s16" => Move<ushort>(d, a),
                "b32" or "u32" or "s32" or "f32" => Move<uint>(d, a),
                _ => Move<ulong>(d, a),
            };
        return instruction.Opcode switch
        {
            "cvt.rna.tf32.f32" => t => t.Set(d, ToTf32(t.Get<float>(a))),
            "cvt.rn.bf16.f32" => t => t.Set(d, ToBrainFloat(t.Get<float>(a))),
            _ => Convert(parts[^1], parts[^2], parts.Length == 4 ? parts[1] : "", d, a),
        };
    }

    /// <summary>To 10 bits of mantissa, ties away from zero.</summary>
    public static uint ToTf32(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsFinite(value) ? bits + 0x1000 & ~0x1FFFu : bits;
    }

    /// <summary>To 7 bits of mantissa, ties to even; NaN becomes 0x7FFF.</summary>
    public static ushort ToBrainFloat(float value)
    {
        if (float.IsNaN(value)) return 0x7FFF;
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)(bits + 0x7FFF + (bits >> 16 & 1) >> 16);
    }

    private static Action<PtxThread>? Convert(string from, string to, string rounding, int d, int a) => from switch
    {
        "s8" => To<sbyte>(to, rounding, d, a),
        "u8" => To<byte>(to, rounding, d, a),
        "s16" => To<short>(to, rounding, d, a),
        "u16" => To<ushort>(to, rounding, d, a),
        "s32" => To<int>(to, rounding, d, a),
        "u32" => To<uint>(to, rounding, d, a),
        "s64" => To<long>(to, rounding, d, a),
        "u64" => To<ulong>(to, rounding, d, a),
        "f32" => To<float>(to, rounding, d, a),
        "f64" => To<double>(to, rounding, d, a),
        _ => null,
    };

    private static Action<PtxThread>? To<TFrom>(string to, string rounding, int d, int a)
        where TFrom : unmanaged, INumber<TFrom> => to switch
        {
            "s16" => ToInteger<TFrom, short>(rounding, d, a),
            "u16" => ToInteger<TFrom, ushort>(rounding, d, a),
            "s32" => ToInteger<TFrom, int>(rounding, d, a),
            "u32" => ToInteger<TFrom, uint>(rounding, d, a),
            "s64" => ToInteger<TFrom, long>(rounding, d, a),
            "u64" => ToInteger<TFrom, ulong>(rounding, d, a),
            // C# rounds to the nearest, which is what .rn says; without a word nothing has to be rounded.
            "f32" => rounding is "" or "rn" ? t => t.Set(d, float.CreateTruncating(t.Get<TFrom>(a))) : null,
            "f64" => rounding is "" or "rn" ? t => t.Set(d, double.CreateTruncating(t.Get<TFrom>(a))) : null,
            _ => null,
        };

    private static Action<PtxThread>? ToInteger<TFrom, TTo>(string rounding, int d, int a)
        where TFrom : unmanaged, INumber<TFrom> where TTo : unmanaged, INumber<TTo> => rounding switch
        {
            "" => t => t.Set(d, TTo.CreateTruncating(t.Get<TFrom>(a))),
            // Towards zero, values beyond the range to its ends, NaN to 0.
            "rzi" => t => t.Set(d, TTo.CreateSaturating(t.Get<TFrom>(a))),
            _ => null,
        };

    private static Action<PtxThread> Move<T>(int d, int a) where T : unmanaged => t => t.Set(d, t.Get<T>(a));

    private static Action<PtxThread> Unpack(int[] parts, int from, int bits) => t =>
    {
        ulong value = t.Registers[from];
        for (int i = 0; i < parts.Length; i++) t.Registers[parts[i]] = value >> (i * bits) & ((1ul << bits) - 1);
    };

    private static Action<PtxThread> Pack(int to, int[] parts, int bits) => t =>
    {
        ulong value = 0;
        for (int i = 0; i < parts.Length; i++) value |= (t.Registers[parts[i]] & ((1ul << bits) - 1)) << (i * bits);
        t.Registers[to] = value;
    };

    /// <summary>The first source goes to the upper half.</summary>
    private static Action<PtxThread> PackBrainFloats(int[] s) =>
        t => t.Set(s[0], (uint)ToBrainFloat(t.Get<float>(s[1])) << 16 | ToBrainFloat(t.Get<float>(s[2])));
}
