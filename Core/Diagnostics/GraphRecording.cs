using System.Text.Json;

namespace MiniDL.Diagnostics;

/// <summary>
/// A forward and a backward pass, written down while they ran: every operator with its operands, its result and what it saved, and every
/// step of backward with the gradients that came in, went out and were added up, as the engine had them.
/// <see cref="Autograd.Record"/> makes one.
/// </summary>
/// <remarks>
/// Of every tensor shape, range, mean and length are kept, and the values where there are 64 or fewer. The numbers are copies: the recording
/// outlives the step's memory. Times include neither the copying nor the looking; the first pass of a program includes the compiler's work.
/// </remarks>
/// <example><code>Console.WriteLine(Autograd.Record(() => Loss.CrossEntropy(model.Forward(x), labels)).ToDot());</code></example>
public sealed class GraphRecording
{
    private readonly IReadOnlyList<RecordedNode> _nodes;
    private readonly IReadOnlyList<BackwardEvent> _events;
    private readonly string _text, _dot;
    private readonly long _graphBytes;

    internal GraphRecording(IReadOnlyList<RecordedNode> nodes, int operators, string text, string dot, IReadOnlyList<BackwardEvent> events, long graphBytes) =>
        (_nodes, Operators, _text, _dot, _events, _graphBytes) = (nodes, operators, text, dot, events, graphBytes);

    /// <summary>The number of operators that lead to the loss.</summary>
    public int Operators { get; }

    /// <summary>The names of the operators and of their types, each once.</summary>
    internal IEnumerable<string> OperatorNames => _nodes.SelectMany(node => new[] { node.Type, node.Kind == "operator" ? node.Name : null }).OfType<string>().Distinct();

    /// <summary>The graph as text, a line for each operator: see <see cref="Tensor.PrintGraph"/>.</summary>
    public override string ToString() => _text;

    /// <summary>The graph in the language of Graphviz: <c>dot -Tsvg graph.dot</c> draws it.</summary>
    public string ToDot() => _dot;

    /// <summary>
    /// Writes everything as JSON: <c>nodes</c> (operators in running order, then leaves, with operands as numbers of nodes), <c>modules</c>
    /// and <c>events</c> (the steps of backward: the loss, operators, leaves).
    /// </summary>
    /// <param name="json">Where to; it stays open.</param>
    public void WriteJson(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("operators", Operators);
        json.WriteNumber("graphBytes", _graphBytes);
        json.WriteStartObject("modules");
        foreach (var (path, type) in _nodes.SelectMany(node => node.Modules).DistinctBy(module => module.Path)) json.WriteString(path, type);
        json.WriteEndObject();
        json.WriteStartArray("nodes");
        foreach (var node in _nodes) node.Write(json);
        json.WriteEndArray();
        json.WriteStartArray("events");
        foreach (var step in _events) step.Write(json);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}

/// <summary>What is kept of a <see cref="GraphNode"/>.</summary>
internal sealed class RecordedNode
{
    private readonly int _id;
    private readonly string _details, _module, _call;
    private readonly double _milliseconds;
    private readonly TensorSummary _value;
    private readonly int[] _inputs;
    private readonly (string Name, Shape Shape, long Bytes)[] _saved;

    public RecordedNode(GraphNode node, GraphListing graph, double milliseconds)
    {
        (_id, Kind, Name, _milliseconds, _value) = (node.Id, node.Kind, node.Name, milliseconds, TensorSummary.Of(node.Tensor));
        Type = node.Operator?.GetType().Name;
        (_details, _module, _call) = (node.Operator?.Details ?? "", node.Module?.Path ?? "", node.Operator?.CalledAt ?? "");
        _inputs = [.. (node.Operator is { } ran ? ran.Inputs : []).ToArray().Select(input => input is null ? -1 : graph[input].Id)];
        _saved = [.. node.Saved().Select(saved => (saved.Name, saved.Value.Shape, saved.Value.Bytes))];
        List<(string, string)> modules = [];
        for (var module = node.Module; module is not null; module = module.Parent) modules.Add((module.Path, module.GetType().Name));
        Modules = modules;
    }

    public string Kind { get; }

    public string Name { get; }

    /// <summary>The C# type of an operator: several have one name, such as mul of two tensors and of a tensor and a number.</summary>
    public string? Type { get; }

    /// <summary>The module that the operator ran in, and what that is a part of, up to the root.</summary>
    public IReadOnlyList<(string Path, string Type)> Modules { get; }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("id", _id);
        json.WriteString("kind", Kind);
        json.WriteString("name", Name);
        if (Type is not null) json.WriteString("type", Type);
        json.WriteString("module", _module);
        if (_details.Length > 0) json.WriteString("details", _details);
        if (_call.Length > 0) json.WriteString("call", _call);
        if (Kind == "operator") json.WriteNumber("ms", Math.Round(_milliseconds, 4));
        json.WriteStartArray("inputs");
        foreach (int input in _inputs) json.WriteNumberValue(input);
        json.WriteEndArray();
        if (_saved.Length > 0)
        {
            json.WriteStartArray("saved");
            foreach (var (name, shape, bytes) in _saved)
            {
                json.WriteStartObject();
                json.WriteString("what", name);
                json.WriteString("shape", shape.ToString());
                json.WriteNumber("bytes", bytes);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WritePropertyName("value");
        _value.Write(json);
        json.WriteEndObject();
    }
}

/// <summary>A step of a backward pass: the loss gets its gradient of 1, an operator ran, or the gradient of a leaf is complete.</summary>
/// <param name="Node">The operator or leaf; null for the loss.</param>
/// <param name="Cotangent">The gradient that was complete.</param>
internal sealed record BackwardEvent(int? Node, TensorSummary Cotangent)
{
    public bool IsLeaf { get; init; }

    public double Milliseconds { get; set; }

    public List<RecordedGradient> Gradients { get; } = [];

    /// <summary>What the graph still holds afterwards.</summary>
    public long GraphBytes { get; set; }

    /// <summary>The memory of gradients that are in flight afterwards.</summary>
    public long GradientBytes { get; set; }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        if (Node is { } node) json.WriteNumber("node", node);
        if (IsLeaf) json.WriteBoolean("leaf", true);
        json.WriteNumber("ms", Math.Round(Milliseconds, 4));
        json.WritePropertyName("cotangent");
        Cotangent.Write(json);
        json.WriteStartArray("gradients");
        foreach (var gradient in Gradients) gradient.Write(json);
        json.WriteEndArray();
        json.WriteNumber("graphBytes", GraphBytes);
        json.WriteNumber("gradientBytes", GradientBytes);
        json.WriteEndObject();
    }
}

/// <summary>What an operator gave to one operand.</summary>
/// <param name="Slot">The operand's position.</param>
/// <param name="To">The node that it comes from.</param>
/// <param name="Value">Null where the operator has added to the sum itself.</param>
internal sealed record RecordedGradient(int Slot, int To, TensorSummary? Value)
{
    /// <summary>All that has arrived there, this gradient included.</summary>
    public TensorSummary? Sum { get; set; }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("slot", Slot);
        json.WriteNumber("to", To);
        foreach (var (name, value) in new[] { ("value", Value), ("sum", Sum) })
        {
            if (value is null) continue;
            json.WritePropertyName(name);
            value.Write(json);
        }
        json.WriteEndObject();
    }
}
