using System.Diagnostics;
using MiniDL.Memory;

namespace MiniDL.Diagnostics;

/// <summary>Writes down a forward and a backward pass as they run. Its own looks at values are outside the times that it gives.</summary>
internal sealed class GraphRecorder : EngineObserver
{
    private readonly Stack<long> _starts = [];
    private readonly Dictionary<Operator, double> _forward = new(ReferenceEqualityComparer.Instance);
    private readonly List<BackwardEvent> _events = [];
    private readonly HashSet<Storage> _gradients = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Storage, int> _holders = new(ReferenceEqualityComparer.Instance);
    private GraphListing? _graph;
    private BackwardEvent? _event;
    private long _graphBytes, _gradientBytes;

    /// <summary>Runs a loss and its backward pass.</summary>
    /// <exception cref="MiniDLException">The loss has no graph.</exception>
    public GraphRecording Record(Func<Tensor> loss)
    {
        Start();
        var root = loss();
        var graph = GraphListing.Of(root);
        RecordedNode[] nodes = [.. graph.Nodes.Select(node => new RecordedNode(node, graph, Milliseconds(node)))];
        foreach (var node in graph.Nodes) Hold(node);
        // Backward frees the graph: what is said about it is said before.
        var recording = new GraphRecording(nodes, graph.Operators, graph.ToString(), graph.ToDot(), _events, _graphBytes);
        _graph = graph;
        _event = new BackwardEvent(null, TensorSummary.Of(Tensor.Ones(root.Shape, root.Device)));
        root.Backward();
        End();
        return recording;
    }

    private double Milliseconds(GraphNode node) => node.Operator is { } ran && _forward.TryGetValue(ran, out double time) ? time : 0;

    /// <summary>The graph holds operands, results and what backward reads beside them; leaves are there without it.</summary>
    private void Hold(GraphNode node)
    {
        foreach (var storage in HeldBy(node))
        {
            if (!_holders.TryGetValue(storage.Storage, out int holders)) _graphBytes += storage.Bytes;
            _holders[storage.Storage] = holders + 1;
        }
    }

    private static IEnumerable<(Storage Storage, long Bytes)> HeldBy(GraphNode node)
    {
        if (node.Operator is null) yield break;
        foreach (var input in node.Operator.Inputs.ToArray())
            if (input?.Producer is not null) yield return (input.Storage, input.Bytes);
        yield return (node.Tensor.Storage, node.Tensor.Bytes);
        foreach (var (_, value) in node.Operator.SavedBeside)
            if (value is not null) yield return (value.Storage, value.Bytes);
    }

    public override void Starting(Operator node) => _starts.Push(Stopwatch.GetTimestamp());

    public override void Ran(Operator node, Tensor y, bool recorded)
    {
        var time = Stopwatch.GetElapsedTime(_starts.Pop());
        if (!recorded) return;
        _forward[node] = time.TotalMilliseconds;
        node.CalledAt = CallSite.OfUser() ?? "";
    }

    public override void StartingBackward(Operator node, Tensor dy)
    {
        if (_graph?.Has(node) is not true) return;
        End();
        _event = new BackwardEvent(_graph[node].Id, TensorSummary.Of(dy));
        Starting(node);
    }

    public override void RanBackward(Operator node, ReadOnlySpan<Tensor?> gradients)
    {
        if (_event is not { } now || _graph?.Has(node) is not true) return;
        now.Milliseconds = Stopwatch.GetElapsedTime(_starts.Pop()).TotalMilliseconds;
        for (int i = 0; i < gradients.Length; i++)
        {
            if (node.Inputs[i] is not { } input) continue;
            if (gradients[i] is { } gradient)
            {
                now.Gradients.Add(new RecordedGradient(i, _graph[input].Id, TensorSummary.Of(gradient)));
                // A parameter's own buffer stays; it is no memory of the pass.
                if (!gradient.Storage.Kept && _gradients.Add(gradient.Storage)) _gradientBytes += gradient.Bytes;
            }
            // It has been added to what had arrived by the operator itself.
            else if (input.Producer?.PendingGradient is { } sum && node.Wants(i))
                now.Gradients.Add(new RecordedGradient(i, _graph[input].Id, null) { Sum = TensorSummary.Of(sum) });
        }
    }

    public override void Arrived(Tensor x, Tensor sum)
    {
        if (_event is not { } now || _graph?.Has(x) is not true) return;
        int to = _graph[x].Id;
        // An operator may give to one tensor twice: in the order of its operands.
        if (now.Gradients.Find(gradient => gradient.To == to && gradient.Sum is null) is { } gradient) gradient.Sum = TensorSummary.Of(sum);
    }

    public override void Recycled(Tensor gradient)
    {
        if (_gradients.Remove(gradient.Storage)) _gradientBytes -= gradient.Bytes;
    }

    public override void Freed(Operator node)
    {
        if (_graph?.Has(node) is not true) return;
        foreach (var (storage, bytes) in HeldBy(_graph[node]))
            if (--_holders[storage] == 0) _graphBytes -= bytes;
    }

    public override void Finished(Tensor leaf, Tensor gradient)
    {
        if (_graph?.Has(leaf) is not true) return;
        End();
        _event = new BackwardEvent(_graph[leaf].Id, TensorSummary.Of(gradient)) { IsLeaf = true };
    }

    /// <summary>What was freed since belongs to the event that ends.</summary>
    private void End()
    {
        if (_event is not { } ended) return;
        (ended.GraphBytes, ended.GradientBytes) = (_graphBytes, _gradientBytes);
        _events.Add(ended);
        _event = null;
    }
}
