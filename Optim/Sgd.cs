namespace MiniDL.Optim;

/// <summary>
/// Stochastic gradient descent by PyTorch's rule. With parameter p, its gradient g and velocity v:
/// <code>
/// g ← g + weightDecay · p
/// v ← momentum · v + (1 − dampening) · g        (v ← g on the first step)
/// p ← p − learningRate · v                      (plain momentum)
/// p ← p − learningRate · (g + momentum · v)     (Nesterov)
/// </code>
/// Without momentum p ← p − learningRate · g. The learning rate stands outside the velocity, unlike in Sutskever et al. 2013, "On
/// the importance of initialization and momentum in deep learning": a change of it acts at once.
/// </summary>
/// <remarks>
/// The optimizer moves its parameters, their gradients and their velocities into one flat buffer each, so that a step is one pass
/// over memory: each <see cref="Parameter.Value"/> is the same tensor as before, in another place, so that graphs made before can no
/// longer run backward. Make it before the first forward pass. Parameters that are moved or replaced later, as by
/// <c>module.To(device)</c>, are gathered again, with their velocities, by the next step.
/// Parameters without a gradient are left alone, as in PyTorch, and so are frozen ones. Gradients are not checked for NaN: that is
/// for the training loop.
/// </remarks>
public sealed class Sgd
{
    private readonly ParameterGroup[] _groups;

    /// <summary>Makes an optimizer that learns all parameters with the same settings.</summary>
    /// <param name="parameters">The parameters, each once, all on one device.</param>
    /// <param name="learningRate">Step size, at least 0; may be changed later.</param>
    /// <param name="momentum">How much of the last velocity is kept, at least 0; 0 for none.</param>
    /// <param name="dampening">How much of the gradient is kept out of the velocity.</param>
    /// <param name="weightDecay">Factor of the ℓ2 penalty's gradient, at least 0.</param>
    /// <param name="nesterov">Whether the step looks ahead along the velocity; needs momentum and no dampening.</param>
    /// <exception cref="MiniDLException">There are no parameters, one appears twice or is computed, or a setting is out of
    /// range.</exception>
    public Sgd(IEnumerable<Parameter> parameters, float learningRate, float momentum = 0, float dampening = 0,
        float weightDecay = 0, bool nesterov = false)
        : this([new ParameterGroup(parameters, learningRate, momentum, dampening, weightDecay, nesterov)])
    {
    }

    /// <summary>Makes an optimizer that learns groups of parameters, each with settings of its own.</summary>
    /// <exception cref="MiniDLException">There is no group, or a parameter appears twice.</exception>
    public Sgd(params IEnumerable<ParameterGroup> groups)
    {
        _groups = groups.ToArray();
        if (_groups.Length == 0) throw new MiniDLException("[sgd] there are no parameter groups.");
        CheckUnique();
        foreach (var group in _groups) group.Flat.Gather();
    }

    /// <summary>The groups, each with settings of its own.</summary>
    public IReadOnlyList<ParameterGroup> Groups => _groups;

    /// <summary>The step size of the first group; setting it sets that of every group.</summary>
    /// <exception cref="MiniDLException">It is negative or not finite.</exception>
    public float LearningRate
    {
        get => _groups[0].LearningRate;
        set
        {
            foreach (var group in _groups) group.LearningRate = value;
        }
    }

    /// <summary>Forgets the gradients of all parameters; their memory is kept for the next ones.</summary>
    public void ZeroGrad()
    {
        foreach (var group in _groups) group.Flat.ZeroGrad();
    }

    /// <summary>Moves every parameter that has a gradient by one step.</summary>
    /// <exception cref="MiniDLException">
    /// A parameter has become computed, the parameters of a group are on several devices, or a backward pass or another step is at work on one.
    /// </exception>
    public void Step()
    {
        // All groups are claimed before the first moves: a step that is refused has changed nothing.
        int step = Autograd.NewClaim();
        try
        {
            foreach (var group in _groups) group.Flat.Claim(step);
            foreach (var group in _groups) group.Step();
        }
        finally
        {
            foreach (var group in _groups) group.Flat.EndClaim(step);
        }
    }

    /// <summary>
    /// The velocities that have begun, as <c>state.INDEX.momentum_buffer</c>, INDEX counting the parameters through all groups.
    /// The tensors share the optimizer's memory. Settings are not part of it: they are the program's.
    /// </summary>
    public IReadOnlyDictionary<string, Tensor> StateDict()
    {
        var state = new OrderedDictionary<string, Tensor>();
        foreach (var (key, flat, index) in Slots())
            if (flat.Velocity(index) is { } velocity) state.Add(key, velocity);
        return state;
    }

    /// <summary>
    /// Goes on where a state dictionary was written: copies its velocities, converting type and device. Parameters that it does
    /// not mention start anew.
    /// </summary>
    /// <exception cref="MiniDLException">
    /// Keys or shapes do not fit, or values are not finite: they are listed, and nothing has changed.
    /// </exception>
    public void LoadStateDict(IReadOnlyDictionary<string, Tensor> state)
    {
        var slots = Slots().ToDictionary(s => s.Key);
        var problems = state.Keys.Where(key => !slots.ContainsKey(key)).Select(key => $"unexpected: {Quote.Text(key)}")
            .Concat(slots.Values.Where(s => state.TryGetValue(s.Key, out var value) && value.Shape != s.Flat.Shape(s.Index))
                .Select(s => $"wrong shape: {s.Key} is {state[s.Key].Shape}, expected {s.Flat.Shape(s.Index)}"))
            .Concat(Tensor.NotFinite(state.Where(entry => slots.ContainsKey(entry.Key))).Select(what => $"not finite: {what}"))
            .ToArray();
        if (problems.Length > 0)
            throw new MiniDLException($"[load_state_dict] Sgd: {Quote.First(problems, "; ")}. Nothing was loaded.");
        foreach (var (key, flat, index) in slots.Values) flat.SetVelocity(index, state.GetValueOrDefault(key));
    }

    private IEnumerable<(string Key, FlatParameters Flat, int Index)> Slots()
    {
        int number = 0;
        foreach (var group in _groups)
            for (int i = 0; i < group.Parameters.Count; i++)
                yield return ($"state.{number++}.momentum_buffer", group.Flat, i);
    }

    private void CheckUnique()
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        foreach (var parameter in _groups.SelectMany(g => g.Parameters))
            if (!seen.Add(parameter) || !seen.Add(parameter.Value))
                throw new MiniDLException($"[sgd] parameter {parameter.Name} {parameter.Shape} appears twice. "
                    + "Put each parameter into one group, once, and give each a tensor of its own.");
    }
}
