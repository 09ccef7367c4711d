using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MiniDL;

/// <summary>
/// Runs elementwise functions over floats, eight at a time, padding the last ones: the result for a value does not depend on its position
/// or on the width of the registers. Functions computed in double give the nearest float except in rare near-ties;
/// <see cref="System.Numerics.Tensors.TensorPrimitives"/> makes no such promise for its exponentials, logarithms and powers.
/// </summary>
internal static class ElementwiseLoop
{
    /// <summary>y[i] = f(x[i]); the spans have the same length, and may be the same span.</summary>
    public static void Map<F>(F f, ReadOnlySpan<float> x, Span<float> y) where F : struct, IUnaryFunction
    {
        if (f.InDouble) Run<DoubleLanes, ValueOf<F>, Each, One, One>(new(f), x, x, x, y);
        else Run<FloatLanes, ValueOf<F>, Each, One, One>(new(f), x, x, x, y);
    }

    /// <summary>dx[i] = dy[i] · f′(x[i]); the spans have the same length, and dx may be dy.</summary>
    public static void MapGradient<F>(F f, ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx)
        where F : struct, IUnaryFunction => Run<FloatLanes, GradientOf<F>, Each, Each, Each>(new(f), dy, x, y, dx);

    /// <summary>c[i] = f(a[i], b[i]); an operand with one value is repeated; c may be a or b.</summary>
    public static void Zip<F>(F f, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> c) where F : struct, IBinaryFunction
    {
        if (f.InDouble) Zip<DoubleLanes, F>(f, a, b, c);
        else Zip<FloatLanes, F>(f, a, b, c);
    }

    private static void Zip<R, F>(F f, ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> c)
        where R : struct, ILanes<R> where F : struct, IBinaryFunction
    {
        if (a.Length == c.Length && b.Length == c.Length) Run<R, ZipOf<F>, Each, Each, One>(new(f), a, b, a, c);
        else if (a.Length == c.Length) Run<R, ZipOf<F>, Each, One, One>(new(f), a, b, a, c);
        else Run<R, ZipOf<F>, One, Each, One>(new(f), a, b, a, c);
    }

    /// <summary>y[i] = expression(a[i], b[i], c[i]); the types A, B and C say which operands have a value for each result.</summary>
    private static void Run<R, E, A, B, C>(E expression, ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> c, Span<float> y)
        where R : struct, ILanes<R> where E : struct, IExpression where A : struct, IOperand where B : struct, IOperand where C : struct, IOperand
    {
        const int width = ILanes<R>.Count;
        if (y.IsEmpty) return;
        R p = R.Of(a[0]), q = R.Of(b[0]), r = R.Of(c[0]);
        ref float to = ref MemoryMarshal.GetReference(y);
        int i = 0;
        for (; i <= y.Length - width; i += width)
            expression.Of(A.At(a, i, p), B.At(b, i, q), C.At(c, i, r)).Store(ref to, i);
        if (i == y.Length) return;
        Span<float> tails = stackalloc float[4 * width], result = tails[(3 * width)..];
        tails.Fill(1);
        A.Rest(a, i).CopyTo(tails);
        B.Rest(b, i).CopyTo(tails[width..]);
        C.Rest(c, i).CopyTo(tails[(2 * width)..]);
        expression.Of(A.At<R>(tails, 0, p), B.At<R>(tails, width, q), C.At<R>(tails, 2 * width, r)).Store(ref result[0], 0);
        result[..(y.Length - i)].CopyTo(y[i..]);
    }

    private interface IOperand
    {
        /// <summary>The values from an index on, or, for an operand that repeats one value, <paramref name="first"/>.</summary>
        static abstract R At<R>(ReadOnlySpan<float> values, int index, R first) where R : struct, ILanes<R>;

        /// <summary>The values from an index to the end.</summary>
        static abstract ReadOnlySpan<float> Rest(ReadOnlySpan<float> values, int index);
    }

    /// <summary>An operand with one value per result.</summary>
    private readonly struct Each : IOperand
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static R At<R>(ReadOnlySpan<float> values, int index, R first) where R : struct, ILanes<R> =>
            R.Load(in MemoryMarshal.GetReference(values), index);

        public static ReadOnlySpan<float> Rest(ReadOnlySpan<float> values, int index) => values[index..];
    }

    /// <summary>An operand with a single value.</summary>
    private readonly struct One : IOperand
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static R At<R>(ReadOnlySpan<float> values, int index, R first) where R : struct, ILanes<R> => first;

        public static ReadOnlySpan<float> Rest(ReadOnlySpan<float> values, int index) => [];
    }

    private interface IExpression
    {
        R Of<R>(R a, R b, R c) where R : struct, IReal<R>;
    }

    private readonly struct ValueOf<F>(F f) : IExpression where F : struct, IUnaryFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public R Of<R>(R a, R b, R c) where R : struct, IReal<R> => f.Value(a);
    }

    private readonly struct GradientOf<F>(F f) : IExpression where F : struct, IUnaryFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public R Of<R>(R a, R b, R c) where R : struct, IReal<R> => f.Gradient(a, b, c);
    }

    private readonly struct ZipOf<F>(F f) : IExpression where F : struct, IBinaryFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public R Of<R>(R a, R b, R c) where R : struct, IReal<R> => f.Value(a, b);
    }
}
