namespace MiniDL;

/// <summary>
/// An elementwise function of one value with its derivative, each written once for every kind of number: in double it is the definition
/// (the Reference device), in vectors the CPU runs it; a GPU has a kernel of its name.
/// </summary>
internal interface IUnaryFunction
{
    /// <summary>The operator's name, as PyTorch spells it.</summary>
    string Name { get; }

    /// <summary>The function's number, such as an exponent, for a kernel; 0 where it has none.</summary>
    double Parameter => 0;

    /// <summary>What <see cref="Gradient"/> reads beside dy: <see cref="Saved.Input0"/> is x, <see cref="Saved.Result"/> y.</summary>
    Saved GradientReads => Saved.Input0 | Saved.Result;

    /// <summary>Whether the CPU computes values in double, since floats between its steps would cost digits.</summary>
    bool InDouble => false;

    /// <summary>y = f(x).</summary>
    R Value<R>(R x) where R : struct, IReal<R>;

    /// <summary>dx = dy · f′(x); <paramref name="y"/> is f(x), where that is cheaper to start from.</summary>
    R Gradient<R>(R dy, R x, R y) where R : struct, IReal<R>;
}

/// <summary>An elementwise function of two values; see <see cref="IUnaryFunction"/>.</summary>
internal interface IBinaryFunction
{
    /// <inheritdoc cref="IUnaryFunction.Name"/>
    string Name { get; }

    /// <summary>The function's numbers, for a kernel; 0 where it has none.</summary>
    (double, double) Parameters => (0, 0);

    /// <inheritdoc cref="IUnaryFunction.InDouble"/>
    bool InDouble => false;

    /// <summary>c = f(a, b).</summary>
    R Value<R>(R a, R b) where R : struct, IReal<R>;
}
