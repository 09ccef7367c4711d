namespace MiniDL;

/// <summary>The operations available to an elementwise function, on a number or on each element of a vector.</summary>
internal interface IReal<R> where R : struct, IReal<R>
{
    static abstract R operator +(R a, R b);

    static abstract R operator -(R a, R b);

    static abstract R operator *(R a, R b);

    static abstract R operator /(R a, R b);

    static abstract R operator -(R x);

    static abstract R Of(double value);

    static abstract R Abs(R x);

    /// <summary>The larger one; NaN if either is NaN.</summary>
    static abstract R Max(R a, R b);

    static abstract R Sqrt(R x);

    static abstract R Exp(R x);

    /// <summary>−∞ at 0, NaN below.</summary>
    static abstract R Log(R x);

    static abstract R Tanh(R x);

    /// <summary>xᵖ; NaN if x is negative and p is not an integer.</summary>
    static abstract R Pow(R x, double exponent);

    /// <summary>a &gt; b ? then : otherwise; also otherwise if either is NaN.</summary>
    static abstract R IfGreater(R a, R b, R then, R otherwise);

    /// <summary>a ≤ b ? then : otherwise; also otherwise if either is NaN.</summary>
    static abstract R IfAtMost(R a, R b, R then, R otherwise);
}

/// <summary>Eight numbers at once.</summary>
internal interface ILanes<R> : IReal<R> where R : struct, ILanes<R>
{
    const int Count = 8;

    /// <summary>Eight values, starting at the index.</summary>
    static abstract R Load(ref readonly float values, int index);

    /// <summary>Writes eight values, rounded to float, starting at the index.</summary>
    void Store(ref float values, int index);
}

/// <summary>One double.</summary>
internal readonly struct Real(double value) : IReal<Real>
{
    public double Value => value;

    public static Real operator +(Real a, Real b) => new(a.Value + b.Value);

    public static Real operator -(Real a, Real b) => new(a.Value - b.Value);

    public static Real operator *(Real a, Real b) => new(a.Value * b.Value);

    public static Real operator /(Real a, Real b) => new(a.Value / b.Value);

    public static Real operator -(Real x) => new(-x.Value);

    public static Real Of(double value) => new(value);

    public static Real Abs(Real x) => new(Math.Abs(x.Value));

    public static Real Max(Real a, Real b) => new(Math.Max(a.Value, b.Value));

    public static Real Sqrt(Real x) => new(Math.Sqrt(x.Value));

    public static Real Exp(Real x) => new(Math.Exp(x.Value));

    public static Real Log(Real x) => new(Math.Log(x.Value));

    public static Real Tanh(Real x) => new(Math.Tanh(x.Value));

    public static Real Pow(Real x, double exponent) => new(Math.Pow(x.Value, exponent));

    public static Real IfGreater(Real a, Real b, Real then, Real otherwise) => a.Value > b.Value ? then : otherwise;

    public static Real IfAtMost(Real a, Real b, Real then, Real otherwise) => a.Value <= b.Value ? then : otherwise;
}
