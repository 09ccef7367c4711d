namespace MiniDL.Optim;

/// <summary>
/// Parameters that are adjacent in memory and have taken the same number of steps, so that an update can treat them as one tensor. Usually
/// this is a whole group; if some of its parameters are frozen or have no gradient, each of the others is a slice of its own.
/// </summary>
/// <example><code>
/// sealed class Descent(IEnumerable&lt;Parameter> parameters, float learningRate)
///     : Optimizer("descent", [new ParameterGroup(parameters, learningRate)])
/// {
///     protected override void Update(ParameterGroup group, ParameterSlice slice) =>
///         slice.Set(slice.Values, slice.Values - slice.Gradients * slice.Scalar(() => group.LearningRate));
/// }
/// </code></example>
public sealed class ParameterSlice
{
    private readonly FlatParameters _flat;
    private readonly int? _index;

    /// <param name="index">The parameter; null for all of them.</param>
    internal ParameterSlice(FlatParameters flat, int? index)
    {
        (_flat, _index) = (flat, index);
        CountStep = () => _flat.CountStep(_index);
    }

    /// <summary>The values; <see cref="Set"/> changes them.</summary>
    public Tensor Values => _flat.Values(_index);

    /// <summary>The gradients, of the same shape.</summary>
    public Tensor Gradients => _flat.Gradients(_index);

    /// <summary>Whether an earlier step or a state dictionary has set the <see cref="State"/>; otherwise it is 0.</summary>
    public bool HasState => _flat.HasState(_index ?? 0);

    /// <summary>
    /// The number of steps including this one: 1 in the first. It keeps growing when a recorded step is repeated, so compute whatever
    /// depends on it inside a <see cref="Scalar"/>.
    /// </summary>
    public int Steps => _flat.Steps(_index ?? 0);

    /// <summary>The state that the optimizer keeps from step to step, of the same shape; the slot is the index of its name.</summary>
    public Tensor State(int slot) => _flat.State(slot, _index);

    /// <summary>A scalar that may change from step to step, such as the learning rate; it stays up to date in recorded steps too.</summary>
    /// <param name="value">Called now, and again before every repetition of a recorded step.</param>
    public Tensor Scalar(Func<double> value) => Values.Device.Backend.Changing(value);

    /// <summary>Overwrites a place, <see cref="Values"/> or <see cref="State"/>, with new values.</summary>
    public void Set(Tensor place, Tensor values)
    {
        if (place.Shape != values.Shape) throw new MiniDLException($"[{_flat.Optimizer}] {values.Shape} does not fit into {place.Shape}.");
        place.Device.Backend.Copy(values, place);
    }

    /// <summary>Counts one more step.</summary>
    internal Action CountStep { get; }
}
