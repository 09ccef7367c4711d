namespace MiniDL;

/// <summary>
/// What an operator's backward reads besides the incoming gradient: operands, by position, and the result. Only these must
/// not change after forward; changing any other in place is harmless.
/// </summary>
/// <example><code>
/// sealed class Cube(Tensor x) : Operator("cube", x)
/// {
///     protected override Tensor Forward() => x * x * x;
///     protected override Saved BackwardReads => Saved.Input0;       // not the result
///     protected override void Backward(Tensor dy, Gradients d) => d[0] = dy * x * x * 3;
/// }
/// </code></example>
[Flags]
public enum Saved
{
    /// <summary>Nothing: backward needs only shapes, as for a sum.</summary>
    Nothing = 0,

    /// <summary>The first operand.</summary>
    Input0 = 1,

    /// <summary>The second operand.</summary>
    Input1 = 2,

    /// <summary>The third operand.</summary>
    Input2 = 4,

    /// <summary>The fourth operand.</summary>
    Input3 = 8,

    /// <summary>All operands.</summary>
    Inputs = int.MaxValue,

    /// <summary>The result.</summary>
    Result = int.MinValue,
}
