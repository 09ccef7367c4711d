using MiniDL.Backends;
using MiniDL.Diagnostics;

namespace MiniDL.Optim;

/// <summary>Parameters that are learned with the same settings; see <see cref="Sgd"/> for what they mean.</summary>
public sealed class ParameterGroup
{
    private readonly Parameter[] _parameters;
    private float _learningRate;

    /// <summary>Makes a group.</summary>
    /// <param name="parameters">The parameters, each once, all on one device.</param>
    /// <param name="learningRate">Step size, at least 0; may be changed later.</param>
    /// <param name="momentum">How much of the last velocity is kept, at least 0; 0 for none.</param>
    /// <param name="dampening">How much of the gradient is kept out of the velocity.</param>
    /// <param name="weightDecay">Factor of the ℓ2 penalty's gradient, at least 0.</param>
    /// <param name="nesterov">Whether the step looks ahead along the velocity; needs momentum and no dampening.</param>
    /// <exception cref="MiniDLException">There are no parameters, one is computed from others, or a setting is out of range.</exception>
    public ParameterGroup(IEnumerable<Parameter> parameters, float learningRate, float momentum = 0, float dampening = 0,
        float weightDecay = 0, bool nesterov = false)
    {
        _parameters = parameters.ToArray();
        LearningRate = learningRate;
        Momentum = NotNegative("momentum", momentum);
        WeightDecay = NotNegative("weight decay", weightDecay);
        Dampening = float.IsFinite(dampening) ? dampening : throw new MiniDLException($"[sgd] the dampening {dampening} must be finite.");
        Nesterov = nesterov;
        if (nesterov && (momentum == 0 || dampening != 0))
            throw new MiniDLException($"[sgd] Nesterov's step needs momentum and no dampening, "
                + $"got momentum {momentum} and dampening {dampening}.");
        if (_parameters.Length == 0)
            throw new MiniDLException("[sgd] a group has no parameters. Pass model.Parameters() of a model with layers that learn; layers "
                + "in fields count only once they are registered: _layer = Register(\"layer\", new Linear(…)).");
        Flat = new FlatParameters(_parameters);
    }

    /// <summary>The parameters, in the order in which they were given.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>The step size.</summary>
    /// <exception cref="MiniDLException">It is negative or not finite.</exception>
    public float LearningRate
    {
        get => _learningRate;
        set => _learningRate = NotNegative("learning rate", value);
    }

    /// <summary>How much of the last velocity is kept.</summary>
    public float Momentum { get; }

    /// <summary>How much of the gradient is kept out of the velocity.</summary>
    public float Dampening { get; }

    /// <summary>Factor of the ℓ2 penalty's gradient.</summary>
    public float WeightDecay { get; }

    /// <summary>Whether the step looks ahead along the velocity.</summary>
    public bool Nesterov { get; }

    internal FlatParameters Flat { get; }

    internal void Step()
    {
        using var region = Profiler.Time("sgd", "step");
        // A recorded step reads the rate that is set when it is repeated.
        if (Graph.Recording is { } graph) graph.LearningRate = graph.Word(() => BitConverter.SingleToUInt32Bits(LearningRate));
        Flat.Step(new SgdSettings(LearningRate, Momentum, Dampening, WeightDecay, Nesterov));
    }

    private static float NotNegative(string name, float value) =>
        value >= 0 && float.IsFinite(value) ? value
            : throw new MiniDLException($"[sgd] the {name} {value} must be finite and not negative.");
}
