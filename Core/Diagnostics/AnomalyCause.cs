using System.Globalization;

namespace MiniDL.Diagnostics;

/// <summary>What made a value NaN or infinite.</summary>
/// <param name="What">A part of a sentence.</param>
/// <param name="Remedy">A sentence.</param>
/// <param name="IsInput">Whether an input was that already.</param>
internal sealed record AnomalyCause(string What, string Remedy, bool IsInput = false)
{
    private const string Divisor = "Add a small number to the divisor, such as 1e-8.";
    private const string Logarithm = "Add a small number to what the logarithm is taken of, such as 1e-8; of a softmax take LogSoftmax() or CrossEntropy().";
    private const string Root = "Add a small number to what the root is taken of, such as 1e-12.";
    private const string Smaller = "Make the values smaller: scale the data, normalize, use smaller weights or a smaller learning rate, or clip gradients.";

    /// <summary>Of a result.</summary>
    /// <param name="place">Where the value is in the result.</param>
    public static AnomalyCause OfResult(Operator node, Tensor y, int[] place, double value)
    {
        if (FromOutside(node) is { } outside) return outside;
        var operands = ValuesAt(node, y.Shape, place);
        return (node.Name, double.IsNaN(value), operands) switch
        {
            ("div", true, [0d, 0d]) => new("0 / 0", Divisor),
            ("div", false, [_, 0d]) => new("a division by zero", Divisor),
            ("log", _, [0d]) => new("the logarithm of 0", Logarithm),
            ("log", _, [< 0d]) => new("the logarithm of a negative number", Logarithm),
            ("sqrt", _, [< 0d]) => new("the square root of a negative number", "Keep what the root is taken of at 0 or above."),
            ("pow", false, [0d]) => new("0 to a negative power", Divisor),
            ("pow", true, [< 0d]) => new("a negative number to a power that is no integer", "Keep the base at 0 or above."),
            ("exp", _, _) => new(Overflow(y), "Subtract the largest value first, as LogSoftmax() does, or make the values smaller."),
            (_, false, _) => new(Overflow(y), Smaller),
            _ => new("inf - inf or 0 · inf inside it: its operands are finite, and a sum or a product of them overflows on the way", Smaller),
        };
    }

    /// <summary>Of a gradient, where nothing inside of the backward is known to have begun it.</summary>
    /// <param name="place">Where the value is in the gradient.</param>
    public static AnomalyCause OfGradient(Operator node, Tensor gradient, int[] place, double value)
    {
        if (FromOutside(node) is { } outside) return outside;
        var operands = ValuesAt(node, gradient.Shape, place);
        return (node.Name, double.IsNaN(value), operands) switch
        {
            ("sqrt" or "pow", false, [0d]) => new($"the derivative of {node.Name} at 0 is infinite", Root),
            ("sqrt" or "pow", true, [0d]) =>
                new($"0 · inf, since the derivative of {node.Name} at 0 is infinite and the gradient that came in there is 0", Root),
            (_, false, _) => new(Overflow(gradient), Smaller),
            _ => new("inf - inf or 0 · inf inside it: the gradient that came in and the operands are finite, and a sum or a product of them "
                + "overflows on the way", Smaller),
        };
    }

    /// <summary>Of an operator's gradient, which began in another operator that its backward is made of.</summary>
    /// <param name="calledAt">Where the user's program, such as an operator of its own, called that; null for none or no symbols.</param>
    public static AnomalyCause Inside(Operator node, Tensor y, string? calledAt)
    {
        var (value, place) = FirstBad(y);
        var cause = OfResult(node, y, place, value);
        return cause with { What = $"{cause.What}, in {node.Name} inside of it{(calledAt is null ? "" : $" (from {calledAt})")}" };
    }

    /// <summary>The first value that is NaN or infinite, and where.</summary>
    public static (double Value, int[] Place) FirstBad(Tensor x)
    {
        double[] values = x.ToArray<double>();
        int index = Array.FindIndex(values, value => !double.IsFinite(value));
        return (values[index], x.Shape.PlaceOf(index));
    }

    /// <summary>A tensor's value at a place of a shape that it is, or broadcasts to; null where it does not.</summary>
    public static double? ValueAt(Tensor x, Shape shape, int[] place)
    {
        int index = 0, missing = shape.Rank - x.Rank;
        if (missing < 0) return null;
        for (int dim = 0; dim < x.Rank; dim++)
        {
            if (x.Shape[dim] != 1 && x.Shape[dim] != shape[dim + missing]) return null;
            index = index * x.Shape[dim] + (x.Shape[dim] == 1 ? 0 : place[dim + missing]);
        }
        return x.ToArray<double>()[index];
    }

    /// <summary>What an elementwise operator made a value of; nothing for others.</summary>
    private static double?[] ValuesAt(Operator node, Shape shape, int[] place) =>
        node.IsElementwise ? [.. node.Inputs.ToArray().Select(x => x is null ? null : ValueAt(x, shape, place))] : [];

    private static string Overflow(Tensor y) => string.Create(CultureInfo.InvariantCulture,
        $"an overflow: what went in is finite, and {y.DType.ToString().ToLowerInvariant()} ends at {(y.DType == DType.F64 ? double.MaxValue : float.MaxValue):G2}");

    /// <summary>An operand that was not finite when it came; null where all were.</summary>
    private static AnomalyCause? FromOutside(Operator node)
    {
        for (int i = 0; i < node.Inputs.Length; i++)
        {
            if (node.Inputs[i] is not { } x || x.FirstNotFinite() is not { } what) continue;
            string itself = $"{x.Shape}, its operand {i}, is not finite itself, {what}";
            if (node.Module?.NameOf(x.Leaf ?? x) is { } name)
                return new($"{name} {itself}", "An update or a batch before this one overflowed, or it was set so: use a smaller learning rate, or clip gradients.");
            if (x is { RequiresGrad: true, Producer: null })
                return new($"the leaf {itself}", "It was set so, or an update overflowed: use a smaller learning rate, or clip gradients.");
            if (x.Origin is { } origin)
                return new($"the result of {origin} {itself}: it was computed before the detection began, or changed since",
                    "Begin the detection before it is computed.");
            return new($"the input or constant {itself}: it came in from outside", "Check the data and how it is scaled.", IsInput: true);
        }
        return null;
    }
}
