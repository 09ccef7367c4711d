namespace MiniDL;

/// <summary>
/// An elementwise function of one value and its derivative, each written once for every number type. In double it is the definition
/// (the Reference device), in vectors the CPU's implementation; a GPU has a kernel of the same name.
/// </summary>
internal interface IUnaryFunction
{
    /// <summary>The operator's name, as PyTorch spells it.</summary>
    string Name { get; }

    /// <summary>A number that the function depends on, such as an exponent, for a kernel; 0 if there is none.</summary>
    double Parameter => 0;

    /// <summary>What <see cref="Gradient"/> reads besides dy: <see cref="Saved.Input0"/> is x, <see cref="Saved.Result"/> is y.</summary>
    Saved GradientReads => Saved.Input0 | Saved.Result;

    /// <summary>Whether the CPU computes it in double, because float intermediates would cost digits.</summary>
    bool InDouble => false;

    /// <summary>y = f(x).</summary>
    R Value<R>(R x) where R : struct, IReal<R>;

    /// <summary>dx = dy · f′(x); <paramref name="y"/> is f(x), which may be cheaper to start from.</summary>
    R Gradient<R>(R dy, R x, R y) where R : struct, IReal<R>;
}

/// <summary>An elementwise function of two values; see <see cref="IUnaryFunction"/>.</summary>
internal interface IBinaryFunction
{
    /// <inheritdoc cref="IUnaryFunction.Name"/>
    string Name { get; }

    /// <summary>The numbers that the function depends on, for a kernel; 0 if there are none.</summary>
    (double, double) Parameters => (0, 0);

    /// <inheritdoc cref="IUnaryFunction.InDouble"/>
    bool InDouble => false;

    /// <summary>c = f(a, b).</summary>
    R Value<R>(R a, R b) where R : struct, IReal<R>;
}
