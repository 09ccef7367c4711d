namespace MiniDL.Backends;

/// <summary>
/// An elementwise function of one value with its derivative: the scalar forms define it in double (the Reference device), the
/// span forms are its fast version in float (the CPU); a GPU has a kernel of its name.
/// </summary>
public interface IUnaryFunction
{
    /// <summary>The operator's name, as PyTorch spells it.</summary>
    string Name { get; }

    /// <summary>The function's number, such as an exponent, for a kernel; 0 where it has none.</summary>
    double Parameter => 0;

    /// <summary>What <see cref="Gradient"/> reads beside dy: <see cref="Saved.Input0"/> is x, <see cref="Saved.Result"/> y.</summary>
    Saved GradientReads => Saved.Input0 | Saved.Result;

    /// <summary>y = f(x).</summary>
    double Value(double x);

    /// <summary>dx = dy · f′(x); <paramref name="y"/> is f(x), where that is cheaper to start from.</summary>
    double Gradient(double dy, double x, double y);

    /// <summary>y[i] = f(x[i]); the spans have one length, and may be the same.</summary>
    void Values(ReadOnlySpan<float> x, Span<float> y);

    /// <summary>dx[i] = dy[i] · f′(x[i]); the spans have one length, and dx may be dy.</summary>
    void Gradients(ReadOnlySpan<float> dy, ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> dx);
}

/// <summary>An elementwise function of two values; see <see cref="IUnaryFunction"/> for the two forms.</summary>
public interface IBinaryFunction
{
    /// <summary>The operator's name, as PyTorch spells it.</summary>
    string Name { get; }

    /// <summary>The function's numbers, for a kernel; 0 where it has none.</summary>
    (double, double) Parameters => (0, 0);

    /// <summary>c = f(a, b).</summary>
    double Value(double a, double b);

    /// <summary>c[i] = f(a[i], b[i]); the spans have one length, and c may be a or b.</summary>
    void Values(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> c);

    /// <summary>c[i] = f(a[i], b).</summary>
    void Values(ReadOnlySpan<float> a, float b, Span<float> c);

    /// <summary>c[i] = f(a, b[i]).</summary>
    void Values(float a, ReadOnlySpan<float> b, Span<float> c);
}
