namespace MiniDL;

/// <summary>
/// A tensor that a module learns. It can be moved (to another device or into an optimizer's flat buffer; references to it remain
/// valid), replaced, and computed from other parameters, as in weight normalization.
/// </summary>
/// <example><code>foreach (var parameter in model.Parameters()) Console.WriteLine($"{parameter.Name} {parameter.Shape}");</code></example>
public sealed class Parameter
{
    private Tensor _value;

    /// <summary>Makes a parameter from its initial value, which it then owns.</summary>
    public Parameter(string name, Tensor value)
    {
        Name = name;
        _value = value.Keep();
        _value.RequiresGrad = true;
        _value.ParameterName = name;
    }

    /// <summary>The name within its module: <c>weight</c>.</summary>
    public string Name { get; }

    /// <summary>The value that forward passes use; if it is computed from other parameters, a new tensor each time.</summary>
    /// <remarks>A new value takes over the hooks of the old one, and is frozen if the old one was: see <see cref="RequiresGrad"/>.</remarks>
    /// <exception cref="ShapeException">The new value has another shape, or this parameter is computed.</exception>
    /// <exception cref="MiniDLException">A module's forward pass uses a parameter that no module has registered.</exception>
    public Tensor Value
    {
        get
        {
            if (!IsRegistered && Check.Running is not null && _value.RequiresGrad) throw NotRegistered();
            return ComputedBy?.Invoke() ?? _value;
        }
        set
        {
            Check.That(ComputedBy is null && value.Shape == _value.Shape, "parameter",
                $"{Name} has shape {_value.Shape} and cannot be replaced by {value.Shape}.");
            value.ShareHooks(_value);
            bool learns = _value.RequiresGrad;
            _value = value.Keep();
            _value.RequiresGrad = learns;
            _value.ParameterName = Name;
        }
    }

    /// <summary>
    /// Whether it is learned. False freezes it: backward computes no gradient for it, and optimizers leave it alone, even if it has a
    /// gradient, velocity or weight decay.
    /// </summary>
    /// <exception cref="MiniDLException">It is set on a parameter that is computed from others.</exception>
    public bool RequiresGrad
    {
        get => Value.RequiresGrad;
        set
        {
            if (ComputedBy is not null)
                throw new MiniDLException(Check.Line("parameter", $"{Name} {Shape} is computed from other parameters: freeze those, or the "
                    + "whole module with Freeze()."));
            _value.RequiresGrad = value;
        }
    }

    /// <summary>The gradient accumulated by backward passes; null if there is none.</summary>
    /// <exception cref="MiniDLException">This parameter is computed from others, which have the gradients.</exception>
    public Tensor? Grad => ComputedBy is null
        ? _value.Grad
        : throw new MiniDLException(Check.Line("parameter", $"{Name} {Shape} is computed from other parameters, and gradients are added up "
            + "in those: see NamedParameters()."));

    /// <summary>The sizes.</summary>
    public Shape Shape => _value.Shape;

    /// <summary>Computes this parameter from others; null if it is learned directly.</summary>
    public Func<Tensor>? ComputedBy { get; internal set; }

    /// <summary>Whether it belongs to a module, which trains and saves it.</summary>
    internal bool IsRegistered { get; init; }

    private MiniDLException NotRegistered() => new(Check.Line("parameter", $"{Name} {Shape} is not registered: it would be neither trained nor "
        + "saved. Make it with RegisterParameter(name, value) in the module's constructor."));

    /// <summary>Moves the value to a device, where it has no gradient yet.</summary>
    internal void MoveTo(Device device)
    {
        if (_value.Device == device) return;
        _value.MoveTo(_value.Detach().To(device).Keep());
        _value.DropGradient();
    }
}
