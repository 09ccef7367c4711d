using System.Globalization;

namespace MiniDL.Diagnostics;

/// <summary>The words for a value that is NaN or infinite.</summary>
internal static class AnomalyMessage
{
    /// <param name="calledAt">The user's line; null without symbols.</param>
    public static AnomalyException OfForward(Operator node, Tensor y, string? calledAt)
    {
        var (value, place) = AnomalyCause.FirstBad(y);
        var cause = AnomalyCause.OfResult(node, y, place, value);
        string called = calledAt is null ? "" : $", called at {calledAt},";
        return Error(node, $"forward{called} gave {At(value, place)} in its result {y.Shape}", cause, Operands(node, y.Shape, place));
    }

    /// <param name="dy">The gradient that came in.</param>
    /// <param name="input">Whose gradient is not finite.</param>
    /// <param name="inside">Where in the backward it began, if that is known.</param>
    public static AnomalyException OfBackward(Operator node, Tensor dy, int input, Tensor gradient, AnomalyCause? inside)
    {
        var (value, place) = AnomalyCause.FirstBad(gradient);
        var cause = inside ?? AnomalyCause.OfGradient(node, gradient, place, value);
        var x = node.Inputs[input]!;
        string name = node.Module?.NameOf(x.Leaf ?? x) is { } known ? $"{known} {x.Shape}, operand {input}" : $"operand {input} {x.Shape}";
        string called = node.CalledAt switch
        {
            null => ", whose forward ran before the detection began",
            "" => "",
            var line => $", whose forward was called at {line}",
        };
        return Error(node, $"backward gave {At(value, place)} in the gradient of {name}{called}", cause,
            [Values("the gradient that came in", dy, node, gradient.Shape, place), .. Operands(node, gradient.Shape, place),
                Values("the result", node.Result!, node, gradient.Shape, place)]);
    }

    /// <param name="x">What the gradients, all of them finite, are of.</param>
    public static AnomalyException OfSum(Tensor x, Tensor sum) => new(Check.Line("backward",
        $"the sum of the gradients that arrive at {x.Description}{Where(x)} is not finite, {sum.FirstNotFinite()}, an overflow: each of them is finite. "
        + "Make the loss or the learning rate smaller."));

    /// <param name="root">What is differentiated.</param>
    public static AnomalyException OfCotangent(Tensor root, Tensor cotangent) => new(Check.Line("backward",
        $"the cotangent of {root.Description} is not finite itself, {cotangent.FirstNotFinite()}. Check what Backward() was given."));

    /// <param name="node">The operator whose result it is; null for a leaf.</param>
    /// <param name="gradient">What a hook has made of a gradient that was finite.</param>
    public static AnomalyException OfHook(Operator? node, Tensor x, Tensor gradient) => new(Check.Line("backward",
        $"a hook of {x.Description}{(node is null ? "" : Where(x))} returned a gradient that is not finite, {gradient.FirstNotFinite()}. "
        + "Check what was passed to OnGradient()."));

    private static string Where(Tensor x)
    {
        if (x.Producer is not { } node) return "";
        string module = node.Module?.Path is { Length: > 0 } path ? $" in {path}" : "";
        return node.CalledAt is { Length: > 0 } line ? $"{module}, called at {line}," : module;
    }

    private static AnomalyException Error(Operator node, string what, AnomalyCause cause, IEnumerable<string> values)
    {
        string path = node.Module?.Path is { Length: > 0 } module ? $"{module}: " : "";
        string list = Quote.First(values, "; ");
        return new($"[{node.Name}] {path}{what}: {cause.What}. {char.ToUpperInvariant(list[0])}{list[1..]}. {cause.Remedy}") { IsOfInput = cause.IsInput };
    }

    private static IEnumerable<string> Operands(Operator node, Shape shape, int[] place)
    {
        var inputs = node.Inputs.ToArray();
        return inputs.Index().Where(x => x.Item is not null).Select(x => Values($"operand {x.Index}{Name(x.Item!)}", x.Item!, node, shape, place));

        string Name(Tensor x) => node.Module?.NameOf(x.Leaf ?? x) is { } name ? $", {name}" : "";
    }

    /// <summary>A range, and the value at the place in question where it alone decides.</summary>
    private static string Values(string name, Tensor x, Operator node, Shape shape, int[] place)
    {
        string there = node.IsElementwise && AnomalyCause.ValueAt(x, shape, place) is { } value
            ? string.Create(CultureInfo.InvariantCulture, $", there {value:G4}") : "";
        return $"{name} {x.Shape}: {ValueSummary.Of(x).Range}{there}";
    }

    private static string At(double value, int[] place) =>
        string.Create(CultureInfo.InvariantCulture, $"{value} at [{string.Join(", ", place)}]");
}
