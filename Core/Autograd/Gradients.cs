using MiniDL.Diagnostics;

namespace MiniDL;

/// <summary>The gradients that an operator's backward returns for its inputs, by input position.</summary>
/// <example><code>
/// sealed class Product(Tensor a, Tensor b) : Operator("product", a, b)
/// {
///     protected override Tensor Forward() => a * b;
///     protected override void Backward(Tensor dy, Gradients d)
///     {
///         if (d.Wanted(0)) d[0] = dy * b;
///         if (d.Wanted(1)) d[1] = dy * a;
///     }
/// }
/// </code></example>
public readonly ref struct Gradients
{
    private readonly Operator _operator;
    private readonly Span<Tensor?> _slots;
    private readonly Dictionary<Tensor, Tensor?>? _targets;
    private readonly bool _retainGraph;

    internal Gradients(Operator @operator, Span<Tensor?> slots, Dictionary<Tensor, Tensor?>? targets, bool retainGraph)
    {
        _operator = @operator;
        _slots = slots;
        _targets = targets;
        _retainGraph = retainGraph;
    }

    /// <summary>The gradients set so far; null for the other inputs.</summary>
    internal ReadOnlySpan<Tensor?> Set => _slots;

    /// <summary>Whether the gradient of this input is needed.</summary>
    public bool Wanted(int input) => _operator.Wants(input) && _operator.Inputs[input] is { RequiresGrad: true } x && Lead(x, _targets);

    /// <summary>Whether this tensor is a target or depends on one; without targets, true for every tensor.</summary>
    internal static bool Lead(Tensor x, Dictionary<Tensor, Tensor?>? targets) =>
        targets is null || x.Producer is { LeadsToTarget: true } || targets.ContainsKey(x);

    /// <summary>Sets the gradient of an input, converted to the input's floating-point type; ignored if it is not wanted.</summary>
    /// <exception cref="ShapeException">The shape or the device is not the input's.</exception>
    public Tensor this[int input]
    {
        set
        {
            if (!Wanted(input)) return;
            var x = _operator.Inputs[input]!;
            Check.That(value.Shape == x.Shape && value.Device == x.Device, _operator.Name,
                $"the gradient {value.Description} of input {input} should have its shape {x.Shape} and be on {x.Device}.");
            _slots[input] = value.To(x.DType);
        }
    }

    /// <summary>
    /// If the gradient of this input is wanted, gives an uninitialized tensor like the input to write it into, for primitives, which
    /// write into their destination. For a parameter it is the parameter's own gradient, so nothing needs copying.
    /// </summary>
    internal bool Wanted(int input, out Tensor gradient)
    {
        gradient = null!;
        if (!Wanted(input)) return false;
        var x = _operator.Inputs[input]!;
        gradient = _targets is null && x.TakesGradientDirectly && !IsTaken(x, input) ? x.GradientBuffer() : Tensor.NewLike(x);
        _slots[input] = gradient;
        return true;
    }

    /// <summary>
    /// The sum of the gradients that have arrived for this input so far, if a gradient is wanted and the sum has the input's layout and may
    /// be changed in place: a primitive that adds to it saves a pass over memory. Then do not set the gradient as well.
    /// </summary>
    internal Tensor? SumSoFar(int input) =>
        Wanted(input) && _operator.Inputs[input]! is var x && x.Producer?.PendingGradient is { } sum
            && sum.Layout == x.Layout && GradientSums.MayChange(sum) ? sum : null;

    /// <summary>
    /// Whether the memory of dy, the gradient of this operator's result, may be used for the gradient of an input: the engine made it, nobody else
    /// holds it, and nobody gets to see it afterwards.
    /// </summary>
    internal bool MayReuse(Tensor dy) => GradientSums.MayChange(dy) && _targets is null && IsUnseen(_operator.Result!);

    /// <summary>
    /// If the gradient of this input is wanted, and its values are nobody else's and not needed again, gives their memory to write it into, each
    /// value in the place of the input's.
    /// </summary>
    internal bool TryTakeOver(int input, out Tensor gradient)
    {
        gradient = null!;
        if (_retainGraph || EngineObserver.Active is not null || !Wanted(input) || _operator.Inputs[input] is not { IsPrivate: true } x) return false;
        x.IsPrivate = false;
        // Should this pass fail before it has freed the graph, another one is refused.
        x.Storage.Changes.Add();
        _slots[input] = gradient = x.Detach();
        GradientSums.TakeOver(gradient);
        return true;
    }

    private static bool IsUnseen(Tensor x) => !x.HasHooks && !x.RetainsGradient && EngineObserver.Active is null;

    /// <summary>Whether another input of this operator is the same leaf and already uses its gradient buffer.</summary>
    private bool IsTaken(Tensor x, int input)
    {
        for (int i = 0; i < _slots.Length; i++)
            if (i != input && ReferenceEquals(_operator.Inputs[i], x)) return true;
        return false;
    }
}
