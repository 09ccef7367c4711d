using MiniDL.Diagnostics;

namespace MiniDL.Optim;

/// <summary>
/// The base of all optimizers, which update parameters from their gradients, step by step. To write your own, name the state that it
/// keeps for each parameter and implement the update.
/// </summary>
/// <remarks>
/// The optimizer moves parameters, gradients and state into flat buffers, one for each, so that a step is one pass over memory. Each
/// <see cref="Parameter.Value"/> is the same tensor as before, in a new place, and graphs made before can no longer run backward: make
/// the optimizer before the first forward pass. Parameters that are moved or replaced later, as by <c>module.To(device)</c>, are
/// gathered again, with their state, by the next step.
/// Parameters without a gradient are left alone, as in PyTorch, and so are frozen ones. Gradients are not checked for NaN: that is
/// the training loop's job.
/// </remarks>
/// <example><code>
/// public sealed class SignSgd(IEnumerable&lt;Parameter> parameters, float learningRate)
///     : Optimizer("sign_sgd", [new ParameterGroup(parameters, learningRate)])
/// {
///     protected override void Update(ParameterGroup group, ParameterSlice slice)
///     {
///         var g = slice.Gradients;
///         slice.Set(slice.Values, slice.Values - g / (g.Abs() + 1e-12) * slice.Scalar(() => group.LearningRate));
///     }
/// }
/// </code></example>
public abstract class Optimizer
{
    private readonly ParameterGroup[] _groups;
    private readonly FlatParameters[] _flat;
    private readonly Action<ParameterSlice>[] _updates;
    private readonly bool _countsSteps;

    /// <summary>Makes an optimizer.</summary>
    /// <param name="name">What errors and profiles call it, such as <c>sgd</c>.</param>
    /// <param name="groups">The parameters, each in one group.</param>
    /// <param name="slots">The names of the state kept for each parameter of a group, as in state dictionaries; none by default.</param>
    /// <param name="countsSteps">Whether a state dictionary includes the number of steps that each parameter has taken.</param>
    /// <exception cref="MiniDLException">There is no group, or a parameter appears twice or is computed from others.</exception>
    protected Optimizer(string name, IEnumerable<ParameterGroup> groups, Func<ParameterGroup, string[]>? slots = null, bool countsSteps = false)
    {
        (Name, _groups, _countsSteps) = (name, groups.ToArray(), countsSteps);
        if (_groups.Length == 0) throw new MiniDLException($"[{name}] there are no parameter groups.");
        CheckUnique();
        _flat = [.. _groups.Select(group => new FlatParameters(name, [.. group.Parameters], slots?.Invoke(group) ?? [], countsSteps))];
        _updates = [.. _groups.Select(group => new Action<ParameterSlice>(slice => Update(group, slice)))];
        foreach (var flat in _flat) flat.Gather();
    }

    /// <summary>What errors and profiles call it.</summary>
    public string Name { get; }

    /// <summary>The groups, each with its own settings.</summary>
    public IReadOnlyList<ParameterGroup> Groups => _groups;

    /// <summary>The learning rate of the first group; setting it sets that of every group.</summary>
    /// <exception cref="MiniDLException">It is negative or not finite.</exception>
    public float LearningRate
    {
        get => _groups[0].LearningRate;
        set
        {
            foreach (var group in _groups) group.LearningRate = value;
        }
    }

    /// <summary>Discards the gradients of all parameters; their memory is reused for the next ones.</summary>
    public void ZeroGrad()
    {
        foreach (var flat in _flat) flat.ZeroGrad();
    }

    /// <summary>
    /// Clips the gradients by their global norm: multiplies all of them by min(1, maxNorm / (‖g‖ + 1e-6)), where ‖g‖ is the root of the sum
    /// of the squares of all gradients. Pascanu et al. 2013, "On the difficulty of training recurrent neural networks". Call it between
    /// <c>Backward</c> and <see cref="Step"/>.
    /// </summary>
    /// <param name="maxNorm">The largest global norm allowed, more than 0.</param>
    /// <returns>‖g‖ before clipping, a scalar.</returns>
    /// <exception cref="MiniDLException">The limit is not positive and finite, or no parameter has a gradient.</exception>
    public Tensor ClipGradNorm(double maxNorm)
    {
        if (!(maxNorm > 0) || !double.IsFinite(maxNorm)) throw new MiniDLException($"[{Name}] the norm {maxNorm} must be finite and positive.");
        using var noGrad = new NoGrad();
        var gradients = _flat.SelectMany(flat => flat.KnownGradients()).ToList();
        if (gradients.Count == 0) throw new MiniDLException($"[{Name}] there is no gradient to clip. Call Backward before.");
        var norm = gradients.Select(gradient => gradient.Square().Sum()).Aggregate((a, b) => a + b).Sqrt();
        // min(1, x) = −max(−1, −x)
        var factor = ((norm + 1e-6).Pow(-1) * -maxNorm).Maximum(Tensor.Scalar(-1, norm.Device)) * -1;
        foreach (var gradient in gradients) gradient.Device.Backend.Copy(gradient * factor, gradient);
        return norm;
    }

    /// <summary>Updates every parameter that has a gradient by one step.</summary>
    /// <exception cref="MiniDLException">
    /// A parameter is now computed from others, a group is spread over several devices, or a backward pass or another step is using a parameter.
    /// </exception>
    public void Step()
    {
        // All groups are claimed before the first update, so a step that is refused changes nothing.
        int step = Claim.Next();
        try
        {
            foreach (var flat in _flat) flat.Claim(step);
            using var noGrad = new NoGrad();
            using var scope = Scope.Step();
            for (int i = 0; i < _flat.Length; i++)
            {
                using var region = Profiler.Time(Name, "step");
                _flat[i].Step(_updates[i]);
            }
        }
        finally
        {
            foreach (var flat in _flat) flat.EndClaim(step);
        }
    }

    /// <summary>One step of some parameters; operators in it are not recorded for a backward pass.</summary>
    /// <param name="group">The group that the parameters belong to.</param>
    /// <param name="slice">Their values, gradients and state.</param>
    protected abstract void Update(ParameterGroup group, ParameterSlice slice);

    /// <summary>
    /// The state of all parameters that have taken a step, as <c>state.INDEX.NAME</c>, and where it matters the number of steps, as
    /// <c>state.INDEX.step</c>: PyTorch's names. INDEX counts the parameters through all groups. All tensors but <c>step</c> share the
    /// optimizer's memory. Settings such as the learning rate are not included: they belong to the program.
    /// </summary>
    public IReadOnlyDictionary<string, Tensor> StateDict()
    {
        var state = new OrderedDictionary<string, Tensor>();
        foreach (var (prefix, flat, index) in Places())
        {
            if (!flat.HasState(index)) continue;
            if (_countsSteps) state.Add(prefix + "step", Tensor.Scalar(flat.Steps(index)));
            foreach (var (slot, name) in flat.Slots.Index()) state.Add(prefix + name, flat.State(slot, index));
        }
        return state;
    }

    /// <summary>
    /// Restores the state from a state dictionary: copies its values, converting type and device. The state of parameters that it does
    /// not mention is reset.
    /// </summary>
    /// <exception cref="MiniDLException">
    /// Keys or shapes do not match, something is missing, or values are not finite: the message lists it, and nothing has changed.
    /// </exception>
    public void LoadStateDict(IReadOnlyDictionary<string, Tensor> state)
    {
        var places = Places().ToArray();
        var shapes = places.SelectMany(place => Names(place.Flat)
            .Select(name => (Key: place.Prefix + name, Shape: name == "step" ? Shape.Scalar : place.Flat.Shape(place.Index)))).ToDictionary();
        var problems = state.Keys.Where(key => !shapes.ContainsKey(key)).Select(key => $"unexpected: {Quote.Text(key)}")
            .Concat(shapes.Where(s => state.TryGetValue(s.Key, out var value) && value.Shape != s.Value)
                .Select(s => $"wrong shape: {s.Key} is {state[s.Key].Shape}, expected {s.Value}"))
            .Concat(places.SelectMany(place => Missing(place.Prefix, place.Flat, state)))
            .Concat(Tensor.NotFinite(state.Where(entry => shapes.ContainsKey(entry.Key))).Select(what => $"not finite: {what}"))
            .Concat(places.Where(place => StepsIn(place.Prefix, state) is < 1 or > int.MaxValue).Select(place => $"not a number of steps: {place.Prefix}step"))
            .ToArray();
        if (problems.Length > 0)
            throw new MiniDLException($"[load_state_dict] {GetType().Name}: {Quote.First(problems, "; ")}. Nothing was loaded.");
        foreach (var (prefix, flat, index) in places)
            flat.SetState(index, [.. flat.Slots.Select(name => state.GetValueOrDefault(prefix + name))], (int)(StepsIn(prefix, state) ?? 0));
    }

    private IEnumerable<string> Names(FlatParameters flat) => _countsSteps ? ["step", .. flat.Slots] : flat.Slots;

    /// <summary>The missing keys of a parameter for which the dictionary has some keys but not all.</summary>
    private IEnumerable<string> Missing(string prefix, FlatParameters flat, IReadOnlyDictionary<string, Tensor> state)
    {
        var keys = Names(flat).Select(name => prefix + name).ToArray();
        return keys.Any(state.ContainsKey) ? keys.Where(key => !state.ContainsKey(key)).Select(key => $"missing: {key}") : [];
    }

    /// <summary>The number of steps of a parameter according to the dictionary; null if it does not say.</summary>
    private double? StepsIn(string prefix, IReadOnlyDictionary<string, Tensor> state) =>
        _countsSteps && state.TryGetValue(prefix + "step", out var steps) && steps.Count == 1 ? steps.ToArray<double>()[0] : null;

    private IEnumerable<(string Prefix, FlatParameters Flat, int Index)> Places()
    {
        int number = 0;
        foreach (var (group, flat) in _groups.Zip(_flat))
            for (int i = 0; i < group.Parameters.Count; i++)
                yield return ($"state.{number++}.", flat, i);
    }

    private void CheckUnique()
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        foreach (var parameter in _groups.SelectMany(g => g.Parameters))
            if (!seen.Add(parameter) || !seen.Add(parameter.Value))
                throw new MiniDLException($"[{Name}] parameter {parameter.Name} {parameter.Shape} appears twice. "
                    + "Put each parameter into one group, once, and give each a tensor of its own.");
    }
}
