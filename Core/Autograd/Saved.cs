namespace MiniDL;

/// <summary>
/// What an operator's backward reads beside the gradient that comes in: its operands, by position, and its result. Only these must
/// stay as they were in forward; a change in place of any other costs nothing.
/// </summary>
[Flags]
public enum Saved
{
    /// <summary>Nothing: backward needs shapes alone, as that of a sum.</summary>
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
