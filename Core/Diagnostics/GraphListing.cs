using System.Globalization;
using System.Text;

namespace MiniDL.Diagnostics;

/// <summary>
/// The operators that lead to a tensor, in the order in which they ran, and the leaves that they start from: the graph as people read it.
/// </summary>
internal sealed class GraphListing
{
    private readonly Dictionary<Operator, GraphNode> _operators = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Tensor, GraphNode> _leaves = new(ReferenceEqualityComparer.Instance);

    /// <summary>Operators first, in running order, then leaves; the number of a node is its place.</summary>
    public IReadOnlyList<GraphNode> Nodes { get; }

    /// <exception cref="MiniDLException">There is no graph: nothing was recorded, or a backward pass has freed it.</exception>
    private GraphListing(Tensor root)
    {
        if (root.Producer is not { } last || last is Operator.FreedOperator)
            throw new MiniDLException(Check.Line("graph", $"{root.Description} has no graph: "
                + (root.Producer is null ? "nothing that leads to it requires gradients, or it was made under NoGrad."
                    : "a backward pass has freed it. Look before Backward(), or keep it with retainGraph: true.")));
        List<Operator> operators = [last];
        HashSet<Operator> seen = new(ReferenceEqualityComparer.Instance) { last };
        for (int i = 0; i < operators.Count; i++)
            foreach (var input in operators[i].Inputs)
                if (input?.Producer is { } producer and not Operator.FreedOperator && seen.Add(producer)) operators.Add(producer);
        operators.Sort(static (a, b) => a.Order.CompareTo(b.Order));
        List<GraphNode> nodes = [];
        foreach (var node in operators) nodes.Add(_operators[node] = new GraphNode(nodes.Count, node, node.Result!, node.Module));
        foreach (var node in operators)
            foreach (var input in node.Inputs)
                if (input is not null && !IsResult(input) && !_leaves.ContainsKey(input))
                    nodes.Add(_leaves[input] = new GraphNode(nodes.Count, null, input, node.Module, IsInput: node == operators[0]));
        Nodes = nodes;
    }

    /// <inheritdoc cref="GraphListing(Tensor)"/>
    public static GraphListing Of(Tensor root) => new(root);

    public int Operators => _operators.Count;

    public GraphNode this[Operator node] => _operators[node];

    /// <summary>Where a tensor comes from: an operator or a leaf.</summary>
    public GraphNode this[Tensor x] => x.Producer is { } producer && _operators.TryGetValue(producer, out var node) ? node : _leaves[x];

    public bool Has(Operator node) => _operators.ContainsKey(node);

    public bool Has(Tensor x) => IsResult(x) || _leaves.ContainsKey(x);

    private bool IsResult(Tensor x) => x.Producer is { } producer && _operators.ContainsKey(producer);

    /// <summary>A line for every operator, its operands by their numbers, leaves by their names.</summary>
    public override string ToString()
    {
        string[][] rows = [["", "operator", "result", "from", "saved", "module"], .. Nodes.Where(node => node.Operator is not null).Select(Row)];
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        var text = new StringBuilder();
        foreach (string[] row in rows)
            text.Append(string.Join("  ", row.Select((cell, i) => i == 0 ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]))).TrimEnd()).Append('\n');
        // Leaves are there without the graph.
        long bytes = Nodes.Where(node => node.Operator is not null).SelectMany(node => node.Saved()).DistinctBy(saved => saved.Value.Storage)
            .Where(saved => !_leaves.ContainsKey(saved.Value)).Sum(saved => saved.Value.Bytes);
        string operators = Operators == 1 ? "1 operator" : $"{Operators} operators";
        return text.Append(CultureInfo.InvariantCulture, $"{operators}; saved for backward, not counting leaves: {(bytes == 0 ? "0 B" : TextTable.Bytes(bytes))}\n").ToString();

        string[] Row(GraphNode node) =>
        [
            $"{node.Id + 1}", node.Name, node.Tensor.Shape.ToString(), string.Join(", ", Operands(node)),
            string.Join(", ", node.Saved().Select(saved => saved.Name)), node.Module?.Path ?? "",
        ];
    }

    private IEnumerable<string> Operands(GraphNode node)
    {
        foreach (var input in node.Operator!.Inputs.ToArray())
            if (input is not null) yield return this[input] is { Operator: null } leaf ? $"{leaf.Name} {leaf.Tensor.Shape}" : $"{this[input].Id + 1}";
    }

    /// <summary>The graph in Graphviz' language: operators are boxes, in the boxes of their modules; leaves are rounded.</summary>
    public string ToDot()
    {
        var text = new StringBuilder("digraph autograd {\n  rankdir=TB;\n  node [shape=box, fontname=\"Helvetica\", fontsize=11];\n"
            + "  edge [fontname=\"Helvetica\", fontsize=9];\n  graph [fontname=\"Helvetica\", fontsize=11, style=rounded, color=gray];\n");
        int clusters = 0;
        foreach (var module in Nodes.GroupBy(node => node.Module?.Path ?? ""))
        {
            if (module.Key.Length > 0) text.Append(CultureInfo.InvariantCulture, $"  subgraph cluster_{clusters++} {{\n    label={Quoted(module.Key)};\n");
            foreach (var node in module) text.Append(CultureInfo.InvariantCulture, $"    n{node.Id} [label={Quoted($"{node.Name}\n{node.Tensor.Shape}")}{Look(node)}];\n");
            if (module.Key.Length > 0) text.Append("  }\n");
        }
        foreach (var node in Nodes.Where(node => node.Operator is not null))
            foreach (var input in node.Operator!.Inputs)
                if (input is not null) text.Append(CultureInfo.InvariantCulture, $"  n{this[input].Id} -> n{node.Id} [label={Quoted(input.Shape.ToString())}];\n");
        return text.Append("}\n").ToString();

        static string Quoted(string label) => $"\"{label.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")}\"";
        static string Look(GraphNode node) => node.Kind switch
        {
            "parameter" or "leaf" => ", style=\"rounded,filled\", fillcolor=\"#fde7c8\"",
            "constant" => ", style=\"rounded,dashed\"",
            _ => "",
        };
    }
}

/// <summary>An operator and its result, or a leaf.</summary>
/// <param name="Id">Its place in the listing.</param>
/// <param name="Operator">Null for a leaf.</param>
/// <param name="Tensor">The result, or the leaf itself.</param>
/// <param name="Module">Where the operator ran; of a leaf where it was used first.</param>
/// <param name="IsInput">Whether the operator that ran first uses it.</param>
internal sealed record GraphNode(int Id, Operator? Operator, Tensor Tensor, IPath? Module, bool IsInput = false)
{
    /// <summary>operator; parameter, leaf (another tensor that requires gradients) or constant.</summary>
    public string Kind => Operator is not null ? "operator" : !Tensor.RequiresGrad ? "constant" : Tensor.ParameterName is null ? "leaf" : "parameter";

    /// <summary>The operator's; of a parameter that in its module.</summary>
    public string Name => Operator?.Name ?? Tensor.ParameterName ?? (Tensor.RequiresGrad ? "leaf" : !Tensor.DType.IsFloat() ? "labels" : IsInput ? "input" : "constant");

    /// <inheritdoc cref="Operator.TensorsForBackward"/>
    public IReadOnlyList<(string Name, Tensor Value)> Saved() => Operator?.TensorsForBackward() ?? [];
}
