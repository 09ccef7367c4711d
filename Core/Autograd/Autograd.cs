using MiniDL.Diagnostics;

namespace MiniDL;

/// <summary>
/// Reverse-mode differentiation. The graph is made as the program runs: every operator remembers its inputs. A backward pass
/// visits the operators behind a tensor in reverse order of their running, hands each the gradient of its result, and adds what
/// it gives to the gradients of its inputs. Gradients of leaves are added into <see cref="Tensor.Grad"/>. Tensors may be used from
/// any thread; passes that share operators or leaves must not overlap: the one that comes second is refused.
/// </summary>
public static class Autograd
{
    private static int _walks;

    /// <summary>The number of the backward pass that runs on this thread; 0 outside.</summary>
    [field: ThreadStatic]
    internal static int CurrentWalk { get; private set; }

    /// <summary>Whether a gradient of the running pass was made by the engine and only one place looks at it.</summary>
    internal static bool MayChange(Tensor gradient) =>
        gradient.Storage is { Kept: false, GradientHolds: 1 } storage && storage.BornInWalk == CurrentWalk;

    /// <inheritdoc cref="Tensor.Backward"/>
    public static void Backward(Tensor root, Tensor? cotangent = null, bool retainGraph = false) =>
        new Pass(root, retainGraph, targets: null).Run(cotangent);

    /// <summary>
    /// The gradients of one tensor with respect to any others, leaves or results of operators; nothing is added to
    /// <see cref="Tensor.Grad"/>.
    /// </summary>
    /// <param name="output">What to differentiate.</param>
    /// <param name="inputs">With respect to what.</param>
    /// <param name="cotangent">The gradient of the loss with respect to <paramref name="output"/>; 1 by default, for one value.</param>
    /// <param name="retainGraph">Keep the graph for another pass instead of freeing it.</param>
    /// <returns>One gradient for each input; zeros where the output does not depend on it.</returns>
    /// <exception cref="MiniDLException">There is nothing to differentiate, the graph was freed, or a cotangent is needed.</exception>
    public static Tensor[] Grad(Tensor output, ReadOnlySpan<Tensor> inputs, Tensor? cotangent = null, bool retainGraph = false)
    {
        var targets = new Dictionary<Tensor, Tensor?>(ReferenceEqualityComparer.Instance);
        foreach (var input in inputs)
        {
            if (!input.RequiresGrad)
                throw new MiniDLException(Check.Line("grad", $"{input} does not require gradients. Set its RequiresGrad before the forward pass."));
            targets[input] = null;
        }
        new Pass(output, retainGraph, targets).Run(cotangent);
        var gradients = new Tensor[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
        {
            gradients[i] = targets[inputs[i]] ?? Tensor.Zeros(inputs[i].Shape, inputs[i].Device, inputs[i].DType);
            gradients[i].FromGradient = true;
        }
        return gradients;
    }

    /// <summary>A number for a pass, or an optimizer's step, to claim with what it alone may work on.</summary>
    internal static int NewClaim() => Interlocked.Increment(ref _walks);

    /// <summary>One backward pass; with targets only towards those, into the dictionary.</summary>
    private readonly struct Pass(Tensor root, bool retainGraph, Dictionary<Tensor, Tensor?>? targets)
    {
        /// <summary>The lists of this thread's last pass; a pass within a pass finds none and makes its own.</summary>
        [ThreadStatic]
        private static (List<Operator> Operators, List<Tensor> Leaves, List<Tensor> Claimed)? _spare;

        private readonly List<Operator> _operators = _spare?.Operators ?? [];
        private readonly List<Tensor> _leaves = _spare?.Leaves ?? [], _claimed = _spare?.Claimed ?? [];

        public void Run(Tensor? cotangent)
        {
            CheckRoot(cotangent);
            _spare = null;
            int outer = CurrentWalk;
            CurrentWalk = NewClaim();
            using var noGrad = new NoGrad();
            try
            {
                Collect();
                if (!Gradients.Lead(root, targets)) return;
                Receive(root, Hold((cotangent ?? Tensor.Ones(root.Shape, root.Device)).To(root.DType)));
                foreach (var node in _operators) Visit(node);
                foreach (var leaf in _leaves) Finish(leaf);
            }
            finally
            {
                CurrentWalk = outer;
                foreach (var node in _operators)
                {
                    node.PendingGradient = null;
                    node.EndClaim();
                }
                foreach (var leaf in _claimed)
                {
                    leaf.PendingGradient = null;
                    leaf.EndClaim();
                }
                _operators.Clear();
                _leaves.Clear();
                _claimed.Clear();
                _spare = (_operators, _leaves, _claimed);
            }
        }

        private void CheckRoot(Tensor? cotangent)
        {
            if (root.Producer is Operator.FreedOperator) throw Freed();
            if (!root.RequiresGrad && root.FromGradient)
                throw Error($"{root} is computed from a gradient, and gradients have no graph of their own: second derivatives are not "
                    + "supported. Take differences of first derivatives, or write the derivative as operators.");
            if (!root.RequiresGrad)
                throw Error($"{root} does not depend on any tensor that requires gradients. "
                    + "Set RequiresGrad on a leaf, and do not compute under NoGrad.");
            if (cotangent is null && root.Count != 1)
                throw Error($"{root} has {root.Count} values, and only one value has a gradient without a cotangent. "
                    + "Reduce it to a loss, or pass a cotangent of its shape.");
            if (cotangent is not null && (cotangent.Shape != root.Shape || cotangent.Device != root.Device))
                throw Error($"the cotangent {cotangent} should have the shape {root.Shape} of the tensor and be on {root.Device}.");
        }

        /// <summary>Finds the operators behind the root without recursion and sorts them, the last that ran first.</summary>
        private void Collect()
        {
            Enter(root);
            for (int i = 0; i < _operators.Count; i++)
                foreach (var input in _operators[i].Inputs)
                    if (input is not null) Enter(input);
            _operators.Sort(static (a, b) => b.Order.CompareTo(a.Order));
            if (targets is null) return;
            for (int i = _operators.Count - 1; i >= 0; i--) _operators[i].MarkIfLeadsTo(targets);
        }

        /// <summary>Claims what the pass works on: an operator that leads to x, or x itself, a leaf whose gradient is added to.</summary>
        private void Enter(Tensor x)
        {
            if (x.Producer is not { } producer)
            {
                if (targets is not null || !x.RequiresGrad || x.IsClaimedBy(CurrentWalk)) return;
                if (!x.TryClaim(CurrentWalk)) throw Shared($"the leaf {x}");
                _claimed.Add(x);
                return;
            }
            if (producer is Operator.FreedOperator) throw Freed();
            if (producer.IsClaimedBy(CurrentWalk)) return;
            if (!producer.TryClaim(CurrentWalk)) throw Shared($"the operator {producer.Name}");
            _operators.Add(producer);
            // Another thread's pass may have freed it between the look at x and the claim.
            if (producer.IsFreed) throw Freed();
        }

        /// <summary>Every gradient of the operator's result has arrived: hands their sum to its backward.</summary>
        private void Visit(Operator node)
        {
            if (node.PendingGradient is not { } dy) return;
            node.PendingGradient = null;
            if (node.Result!.HasHooks) dy = Exchange(dy, node.Result.RunHooks(dy));
            if (targets is not null && targets.ContainsKey(node.Result)) targets[node.Result] = Own(dy);
            if (targets is null && node.Result.RetainsGradient) node.Result.AccumulateGradient(dy);

            var slots = new Slots();
            int inputs = node.Inputs.Length;
            Span<Tensor?> gradients = inputs <= Slots.Length ? ((Span<Tensor?>)slots)[..inputs] : new Tensor?[inputs];
            node.RunBackward(dy, new Gradients(node, gradients, targets));
            // All are held before the first is passed on: an operator may give one tensor to several inputs.
            foreach (var gradient in gradients)
                if (gradient is not null) Hold(gradient);
            for (int i = 0; i < gradients.Length; i++)
                if (gradients[i] is { } gradient) Receive(node.Inputs[i]!, gradient);
            Release(dy);
            if (!retainGraph) node.Free();
        }

        /// <summary>Adds a gradient, which is held, to what has arrived for a tensor so far.</summary>
        private void Receive(Tensor x, Tensor gradient)
        {
            if (x.Producer is Operator.FreedOperator) throw Freed();
            var sofar = x.Producer is { } producer ? producer.PendingGradient : targets is null ? x.PendingGradient : targets[x];
            if (sofar is null && x.Producer is null) _leaves.Add(x);
            if (sofar is not null)
            {
                // In place where nobody else looks at the sum so far; else into new memory.
                var sum = MayChange(sofar) ? sofar : sofar.Clone();
                using (Profiler.Time("autograd", "sum")) x.Device.Backend.AddInto(sum, gradient);
                Release(gradient);
                gradient = Exchange(sofar, sum);
            }
            if (x.Producer is not null) x.Producer.PendingGradient = gradient;
            else if (targets is null) x.PendingGradient = gradient;
            else targets[x] = gradient;
        }

        private void Finish(Tensor leaf)
        {
            var gradient = targets is null ? leaf.PendingGradient! : targets[leaf]!;
            if (targets is null) leaf.PendingGradient = null;
            if (leaf.HasHooks) gradient = Exchange(gradient, leaf.RunHooks(gradient));
            if (targets is null) leaf.AccumulateGradient(gradient);
            else targets[leaf] = Own(gradient);
            Release(gradient);
        }

        private MiniDLException Shared(string what) =>
            Error($"{what} is part of a backward pass that is still running, and so of this one of {root}. On other threads: let one end "
                + "before the next begins, or use copies of the model. In a hook or a backward: Detach() what it differentiates.");

        private MiniDLException Freed() =>
            Error($"the graph of {root}, or a part of it, was freed by an earlier backward pass. "
                + "Run forward again, or pass retainGraph: true to the first.");

        private static MiniDLException Error(string message) => new(Check.Line("backward", message));

        private static Tensor Exchange(Tensor old, Tensor replacement)
        {
            if (ReferenceEquals(old, replacement)) return old;
            Hold(replacement);
            Release(old);
            return replacement;
        }

        private static Tensor Hold(Tensor gradient)
        {
            gradient.Storage.GradientHolds++;
            return gradient;
        }

        /// <summary>Whether the storage was taken for a gradient of this pass and belongs to nobody else.</summary>
        private static bool IsOurs(Tensor gradient) => gradient.Storage.BornInWalk == CurrentWalk && !gradient.Storage.Kept;

        /// <summary>A gradient that is handed out no longer belongs to the engine.</summary>
        private static Tensor Own(Tensor gradient)
        {
            gradient.Storage.BornInWalk = 0;
            return gradient;
        }

        /// <summary>Drops one hold; memory that nobody looks at any more serves the next gradient while it is still in the cache.</summary>
        private static void Release(Tensor gradient)
        {
            var storage = gradient.Storage;
            if (--storage.GradientHolds == 0 && IsOurs(gradient)) storage.Device.Backend.Pool.Return(storage);
        }
    }

    [System.Runtime.CompilerServices.InlineArray(Length)]
    private struct Slots
    {
        public const int Length = 8;

        private Tensor? _first;
    }
}
