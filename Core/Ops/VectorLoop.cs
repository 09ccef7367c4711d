using System.Numerics;

namespace MiniDL;

/// <summary>An expression of three values, written once for a whole vector of them.</summary>
internal interface IVectorExpression
{
    Vector<float> Of(Vector<float> a, Vector<float> b, Vector<float> c);
}

/// <summary>Runs an expression over spans, one vector at a time: for functions and gradients that TensorPrimitives lacks.</summary>
internal static class VectorLoop
{
    /// <summary>result[i] = f(a[i], b[i], c[i]); the result may be one of the operands.</summary>
    public static void Run<TExpression>(TExpression f, ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> c,
        Span<float> result) where TExpression : struct, IVectorExpression
    {
        int width = Vector<float>.Count, i = 0;
        for (; i <= result.Length - width; i += width)
            f.Of(new Vector<float>(a[i..]), new Vector<float>(b[i..]), new Vector<float>(c[i..])).CopyTo(result[i..]);
        if (i == result.Length) return;
        Span<float> tail = stackalloc float[width];
        f.Of(Tail(a[i..]), Tail(b[i..]), Tail(c[i..])).CopyTo(tail);
        tail[..(result.Length - i)].CopyTo(result[i..]);
    }

    private static Vector<float> Tail(ReadOnlySpan<float> values)
    {
        Span<float> padded = stackalloc float[Vector<float>.Count];
        padded.Clear();
        values.CopyTo(padded);
        return new Vector<float>(padded);
    }
}
