namespace MiniDL;

/// <summary>The gradients that an operator's backward gives to its inputs, by the inputs' positions.</summary>
public readonly ref struct Gradients
{
    private readonly Operator _operator;
    private readonly Span<Tensor?> _slots;
    private readonly Dictionary<Tensor, Tensor?>? _targets;

    internal Gradients(Operator @operator, Span<Tensor?> slots, Dictionary<Tensor, Tensor?>? targets)
    {
        _operator = @operator;
        _slots = slots;
        _targets = targets;
    }

    /// <summary>What has been set so far; null for the others.</summary>
    internal ReadOnlySpan<Tensor?> Set => _slots;

    /// <summary>Whether anything depends on the gradient of this input.</summary>
    public bool Wanted(int input) => _operator.Wants(input) && _operator.Inputs[input] is { RequiresGrad: true } x && Lead(x, _targets);

    /// <summary>Whether a gradient of this tensor is one of the targets or leads to one; without targets all leaves are.</summary>
    internal static bool Lead(Tensor x, Dictionary<Tensor, Tensor?>? targets) =>
        targets is null || x.Producer is { LeadsToTarget: true } || targets.ContainsKey(x);

    /// <summary>Sets the gradient of an input, in the input's floating-point type; one that is not wanted is dropped.</summary>
    /// <exception cref="ShapeException">The shape is not the input's.</exception>
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
    /// If the gradient of this input is wanted, gives a tensor like the input for it, its values unset: for primitives, which
    /// write into their destination. For a parameter it is the parameter's own gradient, so that nothing is copied.
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
    /// The sum of the gradients that have arrived for this input so far, if one is wanted and the sum lies like the input and may be
    /// changed in place: a primitive that can add to it saves a pass over memory. The gradient is not set then; it has arrived.
    /// </summary>
    internal Tensor? SumSoFar(int input) =>
        Wanted(input) && _operator.Inputs[input]! is var x && x.Producer?.PendingGradient is { } sum
            && sum.Layout == x.Layout && GradientSums.MayChange(sum) ? sum : null;

    /// <summary>Whether another input of this operator is the same leaf and has its gradient buffer already.</summary>
    private bool IsTaken(Tensor x, int input)
    {
        for (int i = 0; i < _slots.Length; i++)
            if (i != input && ReferenceEquals(_operator.Inputs[i], x)) return true;
        return false;
    }
}
