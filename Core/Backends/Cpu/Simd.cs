using System.Runtime.Intrinsics.X86;

namespace MiniDL.Backends.Cpu;

/// <summary>
/// A vector register of floats: kernels are written once and compiled for every width. The methods are the instructions
/// that kernels need, no more.
/// </summary>
internal unsafe interface ISimd<V> where V : unmanaged, ISimd<V>
{
    /// <summary>Floats in a register.</summary>
    static abstract int Count { get; }

    /// <summary>Whether there are 32 registers, so that a tile can hold 16 sums; otherwise it holds 8.</summary>
    static abstract bool HasManyRegisters { get; }

    static abstract V Zero { get; }

    /// <summary>The same value in every lane.</summary>
    static abstract V All(float value);

    static abstract V Load(float* source);

    void Store(float* destination);

    /// <summary>
    /// Fetches the cache line at <paramref name="line"/>, so that a write to it later need not wait; does nothing where there is no such
    /// instruction.
    /// </summary>
    static virtual void Prefetch(float* line)
    {
        if (Sse.IsSupported) Sse.Prefetch0(line);
    }

    static abstract V operator +(V a, V b);

    static abstract V operator -(V a, V b);

    static abstract V operator *(V a, V b);

    /// <summary>a · b + c, rounded once if the processor can.</summary>
    static abstract V MultiplyAdd(V a, V b, V c);

    /// <summary>
    /// The same with the value at <paramref name="b"/> in every lane: AVX-512 reads it as an operand of the FMA, one instruction in place of a
    /// broadcast, the FMA and, as .NET allocates registers, a move.
    /// </summary>
    static abstract V MultiplyAdd(V a, float* b, V c);

    /// <summary>The same for single values, with the same rounding: a tail computed with it gives the same bits as the vectors would.</summary>
    static virtual float MultiplyAdd(float a, float b, float c) => float.MultiplyAddEstimate(a, b, c);

    /// <summary>max(a, 0); NaN stays NaN.</summary>
    static abstract V Relu(V a);

    /// <summary>b where a &gt; 0, else 0.</summary>
    static abstract V WherePositive(V a, V b);

    /// <summary>Where a &gt; b, or a is NaN and b is not: then; elsewhere: otherwise.</summary>
    static abstract V WhereLarger(V a, V b, V then, V otherwise);

    /// <summary>The sum of the lanes.</summary>
    static abstract float Sum(V a);
}
