namespace MiniDL;

/// <summary>
/// A tensor that a module learns. The tensor can be replaced (moved to another device, into a flat buffer), and it can be
/// computed from other parameters, as weight normalization does.
/// </summary>
public sealed class Parameter
{
    private Tensor _value;

    /// <summary>Makes a parameter from its initial value, which it owns from then on.</summary>
    public Parameter(string name, Tensor value)
    {
        Name = name;
        _value = value.Keep();
        _value.RequiresGrad = true;
    }

    /// <summary>The name within its module: <c>weight</c>.</summary>
    public string Name { get; }

    /// <summary>The value that forward passes use; a new tensor each time where it is computed from other parameters.</summary>
    public Tensor Value
    {
        get => ComputedBy?.Invoke() ?? _value;
        set
        {
            Check.That(ComputedBy is null && value.Shape == _value.Shape, "parameter",
                $"{Name} has shape {_value.Shape} and cannot be replaced by {value.Shape}.");
            value.ShareHooks(_value);
            _value = value.Keep();
            _value.RequiresGrad = true;
        }
    }

    /// <summary>The gradient that backward passes have added up; null when there is none.</summary>
    public Tensor? Grad => _value.Grad;

    /// <summary>The sizes.</summary>
    public Shape Shape => _value.Shape;

    /// <summary>Computes this parameter from others; null for one that is learned itself.</summary>
    public Func<Tensor>? ComputedBy { get; internal set; }
}
