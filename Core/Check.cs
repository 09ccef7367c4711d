using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace MiniDL;

/// <summary>
/// An error that the user can fix. Its message is one line that names the operator or the module path, the shapes, the rule and the
/// remedy. Programs print the message and exit; the stack trace is never needed.
/// </summary>
/// <example><code>
/// try
/// {
///     model.Forward(images);
/// }
/// catch (MiniDLException e)
/// {
///     Console.Error.WriteLine(e.Message);
/// }
/// </code></example>
public class MiniDLException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Shapes, layouts or values that an operator or a layer cannot accept.</summary>
/// <example><code>
/// try
/// {
///     x.Reshape(7, 7);
/// }
/// catch (ShapeException e)
/// {
///     Console.Error.WriteLine(e.Message);      // [reshape] …
/// }
/// </code></example>
public sealed class ShapeException(string message) : MiniDLException(message);

/// <summary>Something with a dotted path from the root of a model: <c>blocks.3.conv1</c>. Errors name it.</summary>
/// <example><code>foreach (IPath module in model.Children) Console.WriteLine(module.Path);</code></example>
public interface IPath
{
    /// <summary>The dotted path, empty at the root.</summary>
    string Path { get; }

    /// <summary>What it is a part of; null at the root.</summary>
    IPath? Parent { get; }

    /// <summary>How errors name a tensor that belongs to the same model: <c>the parameter fc.weight</c>; null for any other.</summary>
    internal string? NameOf(Tensor x) => null;
}

/// <summary>Checks of operators and layers; every message reads <c>[operator] module.path: what is wrong; what to do</c>.</summary>
/// <example><code>Check.That(x.Rank == 2, "mirror", $"{x.Shape} should have 2 dimensions. Reshape it?");</code></example>
public static class Check
{
    /// <summary>The module whose forward pass is running on this thread; its path goes into every message.</summary>
    [ThreadStatic]
    internal static IPath? Running;

    /// <summary>A message in the standard format, with the path of the module that is running.</summary>
    public static string Line(string operation, string message) =>
        Running?.Path is { Length: > 0 } path ? $"[{operation}] {path}: {message}" : $"[{operation}] {message}";

    /// <summary>Throws unless the condition holds; the message is built only then.</summary>
    /// <exception cref="ShapeException">The condition is false.</exception>
    public static void That([DoesNotReturnIf(false)] bool condition, string operation,
        [InterpolatedStringHandlerArgument(nameof(condition))] ref CheckMessage message)
    {
        if (!condition) throw new ShapeException(Line(operation, message.ToString()));
    }

    /// <summary>Throws unless the tensor has the rank that the operator takes.</summary>
    public static void Rank(string operation, string name, Tensor x, int rank, string remedy = "Reshape it?") =>
        That(x.Rank == rank, operation, $"{name} {x.Shape} has {x.Rank} dimensions, expected {rank}. {remedy}");

    /// <summary>Throws unless the tensor holds floating-point values.</summary>
    public static void Float(string operation, string name, Tensor x) =>
        That(x.DType.IsFloat(), operation, $"{name} {x.Shape} holds {x.DType}, expected floating-point values. Convert it with ToFloat()?");

    /// <summary>Throws unless both tensors are on one device.</summary>
    public static void SameDevice(string operation, Tensor a, Tensor b) =>
        That(a.Device == b.Device, operation, $"{a.Shape} is on {a.Device} and {b.Shape} on {b.Device}. Move one of them with To(device).");
}

/// <summary>An interpolated message that is built only if its check fails.</summary>
/// <example><code>
/// Check.That(x.Rank == 2, "mirror", $"{x.Shape} should have 2 dimensions.");     // the text is a CheckMessage
/// </code></example>
[InterpolatedStringHandler]
public ref struct CheckMessage
{
    private DefaultInterpolatedStringHandler _text;

    /// <summary>Called by the compiler.</summary>
    public CheckMessage(int literalLength, int formattedCount, bool condition, out bool wanted)
    {
        wanted = !condition;
        if (wanted) _text = new DefaultInterpolatedStringHandler(literalLength, formattedCount);
    }

    /// <summary>Called by the compiler.</summary>
    public void AppendLiteral(string text) => _text.AppendLiteral(text);

    /// <summary>Called by the compiler.</summary>
    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    /// <inheritdoc/>
    public override string ToString() => _text.ToStringAndClear();
}
