using MiniDL.Diagnostics;

namespace MiniDL;

/// <summary>
/// One backward pass: the chain rule from a tensor back to all leaves that it depends on, or only to some targets. Every operator that
/// leads to the tensor is visited once, in reverse order of execution, so the gradient of its result is complete when it is visited.
/// </summary>
internal readonly struct BackwardPass
{
    private readonly Tensor _root;
    private readonly bool _retainGraph;
    private readonly Dictionary<Tensor, Tensor?>? _targets;
    private readonly List<Operator> _operators = [];
    private readonly List<Tensor> _leaves = [];
    private readonly GradientSums _sums;

    /// <param name="root">The tensor to differentiate.</param>
    /// <param name="retainGraph">Whether to keep the graph for another pass.</param>
    /// <param name="targets">The tensors whose gradients are wanted, to be filled in here; null for those of all leaves.</param>
    public BackwardPass(Tensor root, bool retainGraph, Dictionary<Tensor, Tensor?>? targets)
    {
        (_root, _retainGraph, _targets, _sums) = (root, retainGraph, targets, new GradientSums(targets));
    }

    /// <param name="cotangent">The gradient of the root; null for 1.</param>
    public void Run(Tensor? cotangent)
    {
        BackwardErrors.CheckRoot(_root, cotangent);
        using var claim = Claim.Begin();
        using var noGrad = new NoGrad();
        try
        {
            Collect();
            if (!Gradients.Lead(_root, _targets)) return;
            _sums.Add(_root, (cotangent ?? Tensor.Ones(_root.Shape, _root.Device)).To(_root.DType));
            foreach (var node in _operators) Visit(node);
            foreach (var leaf in _sums.Leaves) Finish(leaf);
        }
        finally
        {
            foreach (var node in _operators) node.EndPass();
            foreach (var leaf in _leaves) leaf.EndPass();
        }
    }

    /// <summary>Finds the operators that lead to the root, without recursion, and sorts them in reverse order of execution.</summary>
    private void Collect()
    {
        Enter(_root);
        for (int i = 0; i < _operators.Count; i++)
            foreach (var input in _operators[i].Inputs)
                if (input is not null) Enter(input);
        _operators.Sort(static (a, b) => b.Order.CompareTo(a.Order));
        if (_targets is null) return;
        for (int i = _operators.Count - 1; i >= 0; i--) _operators[i].MarkIfLeadsTo(_targets);
    }

    /// <summary>Claims what the pass works on: the operator that made x, or, if x is a leaf that gets a gradient, x itself.</summary>
    private void Enter(Tensor x)
    {
        if (x.Producer is not { } producer)
        {
            if (_targets is not null || !x.RequiresGrad || x.IsClaimedBy(Claim.Current)) return;
            if (!x.TryClaim(Claim.Current)) throw BackwardErrors.Shared($"the leaf {x.Description}", _root);
            _leaves.Add(x);
            return;
        }
        if (producer is Operator.FreedOperator) throw BackwardErrors.Freed(_root);
        if (producer.IsClaimedBy(Claim.Current)) return;
        if (!producer.TryClaim(Claim.Current)) throw BackwardErrors.Shared($"the operator {producer.Name}", _root);
        _operators.Add(producer);
        // Another thread's pass may have freed it between the check of x and the claim.
        if (producer.IsFreed) throw BackwardErrors.Freed(_root);
    }

    /// <summary>Runs an operator's backward, once the gradient of its result is complete, and passes on the gradients of its inputs.</summary>
    private void Visit(Operator node)
    {
        if (!_sums.TryTake(node.Result!, out var dy)) return;
        dy = AfterHooks(node.Result!, dy);
        if (_targets is not null && _targets.ContainsKey(node.Result!)) _targets[node.Result!] = _sums.HandOut(dy);
        if (_targets is null && node.Result!.RetainsGradient) node.Result.AccumulateGradient(dy);

        var slots = new GradientSlots();
        var inputs = node.Inputs;
        Span<Tensor?> gradients = inputs.Length <= GradientSlots.Length ? ((Span<Tensor?>)slots)[..inputs.Length] : new Tensor?[inputs.Length];
        node.RunBackward(dy, new Gradients(node, gradients, _targets, _retainGraph));
        for (int i = 0; i < inputs.Length; i++)
            if (gradients[i] is not null && inputs[i]!.Producer is Operator.FreedOperator) throw BackwardErrors.Freed(_root);
        _sums.Add(inputs, gradients);
        _sums.Done(dy);
        if (_retainGraph) return;
        if (EngineObserver.Active is null) Recycle(inputs);
        node.Free();
    }

    /// <summary>Returns the memory of operands that nobody but the operator whose backward has run gets to see.</summary>
    private static void Recycle(ReadOnlySpan<Tensor?> inputs)
    {
        foreach (var input in inputs)
            if (input is { IsPrivate: true }) input.Device.Backend.Pool.Return(input.Storage);
    }

    /// <summary>Stores the gradient of a leaf, once it is complete.</summary>
    private void Finish(Tensor leaf)
    {
        if (!_sums.TryTake(leaf, out var gradient)) return;
        gradient = AfterHooks(leaf, gradient);
        EngineObserver.Active?.Finished(leaf, gradient);
        if (_targets is null) leaf.AccumulateGradient(gradient);
        else _targets[leaf] = _sums.HandOut(gradient);
        _sums.Done(gradient);
    }

    private Tensor AfterHooks(Tensor x, Tensor gradient) => x.HasHooks ? _sums.Replace(gradient, x.RunHooks(gradient)) : gradient;
}
