namespace MiniDL.Optim;

/// <summary>
/// Parameters that lie side by side in memory and have taken equally many steps: what an optimizer's rule is applied to at once. Usually
/// it is a whole group; where some of its parameters are frozen or have no gradient, each of the others.
/// </summary>
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

    /// <summary>Their values, which <see cref="Set"/> changes.</summary>
    public Tensor Values => _flat.Values(_index);

    /// <summary>Their gradients, of the same shape.</summary>
    public Tensor Gradients => _flat.Gradients(_index);

    /// <summary>Whether an earlier step, or a state dictionary, has left something in the <see cref="State"/>; else that is 0.</summary>
    public bool HasState => _flat.HasState(_index ?? 0);

    /// <summary>
    /// How many steps they will have taken after this one: 1 in the first. It grows when a recorded step is repeated, so that what is
    /// computed of it belongs into a <see cref="Scalar"/>.
    /// </summary>
    public int Steps => _flat.Steps(_index ?? 0);

    /// <summary>What the optimizer keeps from step to step, of the same shape, by the number of its name.</summary>
    public Tensor State(int slot) => _flat.State(slot, _index);

    /// <summary>A value that changes from step to step, such as the learning rate, to compute with: also where the step is recorded.</summary>
    /// <param name="value">Is asked now, and again before every repetition of a recorded step.</param>
    public Tensor Scalar(Func<double> value) => Values.Device.Backend.Changing(value);

    /// <summary>Puts new values in the place of old ones, of <see cref="Values"/> or <see cref="State"/>.</summary>
    public void Set(Tensor place, Tensor values)
    {
        if (place.Shape != values.Shape) throw new MiniDLException($"[{_flat.Optimizer}] {values.Shape} does not fit into {place.Shape}.");
        place.Device.Backend.Copy(values, place);
    }

    /// <summary>One step more.</summary>
    internal Action CountStep { get; }
}
