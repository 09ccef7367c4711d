using MiniDL.Backends;

namespace MiniDL.Optim;

/// <summary>
/// Stochastic gradient descent, as in PyTorch. With parameter p, its gradient g and velocity v:
/// <code>
/// g ← g + weightDecay · p
/// v ← momentum · v + (1 − dampening) · g        (v ← g on the first step)
/// p ← p − learningRate · v                      (plain momentum)
/// p ← p − learningRate · (g + momentum · v)     (Nesterov)
/// </code>
/// Without momentum, p ← p − learningRate · g. The learning rate is outside the velocity, unlike in Sutskever et al. 2013, "On
/// the importance of initialization and momentum in deep learning", so a change of it takes effect at once.
/// </summary>
/// <remarks>State: <c>momentum_buffer</c> (v), for parameters that have taken a step with momentum.</remarks>
/// <inheritdoc cref="Optimizer"/>
/// <example><code>var sgd = new Sgd(model.Parameters(), learningRate: 0.1f, momentum: 0.9f, weightDecay: 1e-4f);</code></example>
public sealed class Sgd : Optimizer
{
    /// <summary>Makes an optimizer with the same settings for all parameters.</summary>
    /// <inheritdoc cref="SgdGroup(IEnumerable{Parameter}, float, float, float, float, bool)"/>
    public Sgd(IEnumerable<Parameter> parameters, float learningRate, float momentum = 0, float dampening = 0,
        float weightDecay = 0, bool nesterov = false)
        : this([new SgdGroup(parameters, learningRate, momentum, dampening, weightDecay, nesterov)])
    {
    }

    /// <summary>Makes an optimizer for groups of parameters, each with its own settings.</summary>
    /// <exception cref="MiniDLException">There is no group, or a parameter appears twice.</exception>
    public Sgd(params IEnumerable<SgdGroup> groups)
        : base("sgd", groups, group => ((SgdGroup)group).Momentum > 0 ? ["momentum_buffer"] : [])
    {
    }

    /// <inheritdoc/>
    protected override void Update(ParameterGroup group, ParameterSlice slice)
    {
        var settings = (SgdGroup)group;
        // One pass over memory; composed operators would take several.
        slice.Values.Device.Backend.SgdStep(slice.Values, slice.Gradients, settings.Momentum > 0 ? slice.State(0) : null,
            first: !slice.HasState, settings.Step);
    }
}

/// <summary>Parameters that <see cref="Sgd"/> learns with the same settings.</summary>
/// <example><code>
/// var sgd = new Sgd(new SgdGroup(conv.Parameters(), 0.1f, weightDecay: 1e-4f), new SgdGroup(layer.Parameters(), 0.01f));
/// </code></example>
public sealed class SgdGroup : ParameterGroup
{
    /// <summary>Makes a group.</summary>
    /// <param name="parameters">The parameters, each once, all on one device.</param>
    /// <param name="learningRate">The learning rate, at least 0; may be changed later.</param>
    /// <param name="momentum">The fraction of the previous velocity that is kept, at least 0; 0 for none.</param>
    /// <param name="dampening">The fraction of the gradient that is left out of the velocity.</param>
    /// <param name="weightDecay">The factor of the ℓ2 penalty's gradient, at least 0.</param>
    /// <param name="nesterov">Whether the step looks ahead along the velocity; needs momentum, and no dampening.</param>
    /// <exception cref="MiniDLException">There are no parameters, one appears twice or is computed, or a setting is out of range.</exception>
    public SgdGroup(IEnumerable<Parameter> parameters, float learningRate, float momentum = 0, float dampening = 0,
        float weightDecay = 0, bool nesterov = false)
        : base(parameters, learningRate, weightDecay)
    {
        Momentum = NotNegative("momentum", momentum);
        Dampening = float.IsFinite(dampening) ? dampening : throw new MiniDLException($"[sgd] the dampening {dampening} must be finite.");
        Nesterov = nesterov;
        if (nesterov && (momentum == 0 || dampening != 0))
            throw new MiniDLException($"[sgd] Nesterov's step needs momentum and no dampening, "
                + $"got momentum {momentum} and dampening {dampening}.");
        Step = new SgdSettings(() => LearningRate, Momentum, Dampening, WeightDecay, Nesterov);
    }

    /// <summary>The fraction of the previous velocity that is kept.</summary>
    public float Momentum { get; }

    /// <summary>The fraction of the gradient that is left out of the velocity.</summary>
    public float Dampening { get; }

    /// <summary>Whether the step looks ahead along the velocity.</summary>
    public bool Nesterov { get; }

    /// <summary>All settings, as the primitive takes them.</summary>
    internal SgdSettings Step { get; }
}
