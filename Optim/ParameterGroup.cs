namespace MiniDL.Optim;

/// <summary>Parameters that are learned with the same settings. An optimizer with further settings derives its own kind of group.</summary>
/// <example><code>
/// var adam = new Adam([new ParameterGroup(conv.Parameters(), 1e-3f), new ParameterGroup(layer.Parameters(), 1e-4f)]);
/// </code></example>
public class ParameterGroup
{
    private readonly Parameter[] _parameters;
    private float _learningRate;

    /// <summary>Makes a group.</summary>
    /// <param name="parameters">The parameters, each once, all on one device.</param>
    /// <param name="learningRate">The learning rate, at least 0; may be changed later.</param>
    /// <param name="weightDecay">How strongly parameters are pulled towards 0, at least 0; the optimizer defines the rule.</param>
    /// <exception cref="MiniDLException">There are no parameters, or a setting is out of range.</exception>
    public ParameterGroup(IEnumerable<Parameter> parameters, float learningRate, float weightDecay = 0)
    {
        _parameters = parameters.ToArray();
        LearningRate = learningRate;
        WeightDecay = NotNegative("weight decay", weightDecay);
        if (_parameters.Length == 0)
            throw new MiniDLException("[optimizer] a group has no parameters. Pass model.Parameters() of a model with layers that learn; layers "
                + "in fields count only once they are registered: _layer = Register(\"layer\", new Linear(…)).");
    }

    /// <summary>The parameters, in the given order.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>The learning rate.</summary>
    /// <exception cref="MiniDLException">It is negative or not finite.</exception>
    public float LearningRate
    {
        get => _learningRate;
        set => _learningRate = NotNegative("learning rate", value);
    }

    /// <summary>How strongly parameters are pulled towards 0.</summary>
    public float WeightDecay { get; }

    private protected static float NotNegative(string name, float value) =>
        value >= 0 && float.IsFinite(value) ? value
            : throw new MiniDLException($"[optimizer] the {name} {value} must be finite and not negative.");
}
