using System.Globalization;
using MiniDL.Diagnostics;

namespace MiniDL.Layers;

/// <summary>
/// A model module by module: output shapes, parameters, operations and memory, for one input. <see cref="ToString"/> is the table.
/// <see cref="Module.Summary"/> makes it.
/// </summary>
/// <example><code>Console.WriteLine(model.Summary(images).Parameters);</code></example>
public sealed class ModelSummary
{
    internal ModelSummary(Shape input, IReadOnlyList<ModuleSummary> modules) => (Input, Modules) = (input, modules);

    /// <summary>The shape of the input.</summary>
    public Shape Input { get; }

    /// <summary>Every module, parents first, in the order of their registration; each without those below it, so that columns add up.</summary>
    public IReadOnlyList<ModuleSummary> Modules { get; }

    /// <summary>The number of learned values.</summary>
    public int Parameters => Modules.Sum(module => module.Parameters);

    /// <summary>Floating-point operations of a forward pass: see <see cref="ModuleSummary.Operations"/>.</summary>
    public double Operations => Modules.Sum(module => module.Operations);

    /// <summary>Bytes that a training step keeps from forward to backward.</summary>
    public long SavedBytes => Modules.Sum(module => module.SavedBytes);

    /// <summary>Bytes of all outputs of a forward pass in evaluation mode.</summary>
    public long EvaluationBytes => Modules.Sum(module => module.EvaluationBytes);

    /// <summary>The table: a row for each module, and their sums.</summary>
    public override string ToString()
    {
        string[] headings = ["module", "type", "output", "parameters", "FLOPs", "saved for backward", "outputs in evaluation"];
        string[][] rows =
        [
            .. Modules.Select(module => Row(module.Path.Length == 0 ? "(model)" : module.Path, module.Type, module.Output?.ToString() ?? "",
                module.Parameters, module.Operations, module.SavedBytes, module.EvaluationBytes)),
            Row("total", "", $"of {Input}", Parameters, Operations, SavedBytes, EvaluationBytes),
        ];
        return TextTable.Of(headings, texts: 3, rows);
    }

    private static string[] Row(string path, string type, string output, int parameters, double operations, long saved, long evaluation) =>
    [
        path, type, output, parameters == 0 ? "" : parameters.ToString("N0", CultureInfo.InvariantCulture),
        TextTable.Count(operations), TextTable.Bytes(saved), TextTable.Bytes(evaluation),
    ];
}

/// <summary>A module of a <see cref="ModelSummary"/>, without those below it.</summary>
/// <param name="Path">The dotted path from the model: <c>blocks.3.conv1</c>; empty for the model itself.</param>
/// <param name="Type">The module's class.</param>
/// <param name="Output">
/// The shape of what its last forward pass gave; null where it did not run, as a <see cref="Relu"/> that the norm before it takes along.
/// </param>
/// <param name="Parameters">Its learned values.</param>
/// <param name="Operations">
/// Floating-point operations of its convolutions and matrix products in forward, two for each multiplication with its addition, by their
/// definitions: <c>2·N·P·Q·K·C·R·S</c> and <c>2·rows·inner·columns</c>. Elementwise operators and norms count as 0: what they cost is memory.
/// </param>
/// <param name="SavedBytes">
/// Bytes of the tensors that its operators' backward reads, but for parameters and buffers; one that several of them read counts once,
/// where it is read first in forward.
/// </param>
/// <param name="EvaluationBytes">Bytes of its operators' results in evaluation mode, with nothing recorded.</param>
/// <example><code>
/// foreach (var module in model.Summary(images).Modules) Console.WriteLine($"{module.Path}: {module.Parameters} parameters");
/// </code></example>
public sealed record ModuleSummary(string Path, string Type, Shape? Output, int Parameters, double Operations, long SavedBytes, long EvaluationBytes);
