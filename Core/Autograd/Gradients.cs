namespace MiniDL;

/// <summary>The gradients that an operator's backward gives to its inputs, by the inputs' positions.</summary>
public readonly ref struct Gradients
{
    private readonly Operator _operator;
    private readonly Span<Tensor?> _slots;
    private readonly bool _intoLeaves;

    internal Gradients(Operator @operator, Span<Tensor?> slots, bool intoLeaves)
    {
        _operator = @operator;
        _slots = slots;
        _intoLeaves = intoLeaves;
    }

    /// <summary>Whether anything depends on the gradient of this input.</summary>
    public bool Wanted(int input) => _operator.Inputs[input] is { RequiresGrad: true };

    /// <summary>Sets the gradient of an input; one that is not wanted is dropped.</summary>
    /// <exception cref="ShapeException">The shape is not the input's.</exception>
    public Tensor this[int input]
    {
        set
        {
            if (!Wanted(input)) return;
            Check.That(value.Shape == _operator.Inputs[input]!.Shape, _operator.Name,
                $"the gradient {value.Shape} of input {input} should have its shape {_operator.Inputs[input]!.Shape}.");
            _slots[input] = value;
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
        gradient = _intoLeaves && x.TakesGradientDirectly && !IsTaken(x, input) ? x.GradientBuffer() : Tensor.NewLike(x);
        _slots[input] = gradient;
        return true;
    }

    /// <summary>Whether another input of this operator is the same leaf and has its gradient buffer already.</summary>
    private bool IsTaken(Tensor x, int input)
    {
        for (int i = 0; i < _slots.Length; i++)
            if (i != input && ReferenceEquals(_operator.Inputs[i], x)) return true;
        return false;
    }
}
