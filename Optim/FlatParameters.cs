using System.Diagnostics.CodeAnalysis;
using MiniDL.Backends;
using MiniDL.Memory;

namespace MiniDL.Optim;

/// <summary>
/// Parameters packed into one flat buffer for the values, one for the gradients and one for each kind of optimizer state, so that a
/// step is one pass over memory. Zeros between the parameters make each start on a cache line.
/// </summary>
internal sealed class FlatParameters
{
    /// <summary>Values in a cache line of 64 bytes, for float.</summary>
    private const int Alignment = 16;

    private readonly bool _countsSteps;
    private readonly Parameter[] _parameters;
    private readonly int[] _offsets;
    private readonly int _count;

    /// <summary>Each parameter's place in the flat buffer; a parameter that is elsewhere has been moved or replaced.</summary>
    private readonly Tensor?[] _windows;

    /// <summary>Whether a parameter has state, from its own steps or from a state dictionary.</summary>
    private readonly bool[] _hasState;

    /// <summary>How many steps each parameter has taken.</summary>
    private readonly int[] _steps;

    /// <summary>The state of each slot: the whole buffer, and each parameter's window into it.</summary>
    private readonly Tensor?[] _state;
    private readonly Tensor[][] _stateWindows;
    private readonly ParameterSlice _all;
    private readonly ParameterSlice[] _each;
    private Tensor? _values, _gradients;

    /// <param name="slots">The names of the state kept for each parameter.</param>
    /// <param name="countsSteps">Whether the update depends on the number of steps that a parameter has taken.</param>
    public FlatParameters(string optimizer, Parameter[] parameters, string[] slots, bool countsSteps)
    {
        (Optimizer, _parameters, Slots, _countsSteps) = (optimizer, parameters, slots, countsSteps);
        _windows = new Tensor?[parameters.Length];
        _hasState = new bool[parameters.Length];
        _steps = new int[parameters.Length];
        _state = new Tensor?[slots.Length];
        _stateWindows = [.. slots.Select(_ => new Tensor[parameters.Length])];
        _offsets = new int[parameters.Length];
        for (int i = 0; i < parameters.Length; i++)
        {
            _offsets[i] = _count;
            _count += (parameters[i].Shape.Count + Alignment - 1) / Alignment * Alignment;
        }
        _all = new ParameterSlice(this, null);
        _each = [.. Enumerable.Range(0, parameters.Length).Select(i => new ParameterSlice(this, i))];
        CheckLearned();
    }

    /// <summary>What errors call it.</summary>
    public string Optimizer { get; }

    public string[] Slots { get; }

    public Shape Shape(int index) => _parameters[index].Shape;

    public bool HasState(int index) => _hasState[index];

    public int Steps(int index) => _steps[index];

    /// <summary>The values of one parameter, or of all if the index is null.</summary>
    public Tensor Values(int? index) => index is { } i ? _windows[i]! : _values!;

    /// <inheritdoc cref="Values"/>
    public Tensor Gradients(int? index) => index is { } i ? _parameters[i].Value.KnownGradient! : _gradients!;

    /// <inheritdoc cref="Values"/>
    public Tensor State(int slot, int? index) => index is { } i ? _stateWindows[slot][i] : _state[slot]!;

    /// <summary>Counts one more step of one parameter, or of all.</summary>
    public void CountStep(int? index)
    {
        if (index is { } i) _steps[i]++;
        else
            for (i = 0; i < _steps.Length; i++) _steps[i]++;
    }

    /// <summary>Moves the parameters into new flat buffers, with their gradients and state.</summary>
    public void Gather()
    {
        CheckLearned();
        var first = _parameters[0].Value;
        foreach (var parameter in _parameters) Check.SameDevice(Optimizer, parameter.Value, first);
        _values = NewFlat(first.Device);
        _gradients = NewFlat(first.Device);
        for (int slot = 0; slot < Slots.Length; slot++)
            if (_state[slot] is { } state && state.Device != first.Device) MakeState(slot, first.Device);
        for (int i = 0; i < _parameters.Length; i++)
        {
            var value = _parameters[i].Value;
            var window = _windows[i] = Window(_values, i);
            first.Device.Backend.Copy(value, window);
            value.MoveTo(window);
            value.PlaceGradient(Window(_gradients, i));
        }
    }

    public void ZeroGrad()
    {
        foreach (var parameter in _parameters)
            if (parameter.ComputedBy is null) parameter.Value.ZeroGrad();
    }

    /// <summary>Claims the parameters for one step of the optimizer.</summary>
    /// <exception cref="MiniDLException">A backward pass or another step is using one of them.</exception>
    public void Claim(int step)
    {
        CheckLearned();
        foreach (var parameter in _parameters)
            if (!parameter.Value.TryClaim(step))
                throw new MiniDLException($"[{Optimizer}] parameter {parameter.Name} {parameter.Shape} is being worked on by a backward pass or another "
                    + "step that is still running. Let it end first, or give each thread a model of its own.");
    }

    /// <summary>Releases what the step has claimed.</summary>
    public void EndClaim(int step)
    {
        foreach (var parameter in _parameters)
            if (parameter.ComputedBy is null && parameter.Value.IsClaimedBy(step)) parameter.Value.EndClaim();
    }

    /// <summary>Updates every parameter that has a gradient and is not frozen; all must have been claimed.</summary>
    /// <param name="update">The optimizer's update rule.</param>
    public void Step(Action<ParameterSlice> update)
    {
        if (!IsGathered()) Gather();
        using var change = new InPlaceChange(Optimizer, _values!);
        for (int slot = 0; slot < Slots.Length; slot++)
            if (_state[slot] is null) MakeState(slot, _values!.Device);
        if (AllAlike())
        {
            Update(update, _all);
            Array.Fill(_hasState, Slots.Length > 0);
            return;
        }
        for (int i = 0; i < _parameters.Length; i++)
        {
            if (!Moves(i, out _)) continue;
            Update(update, _each[i]);
            _hasState[i] = Slots.Length > 0;
        }
    }

    private void Update(Action<ParameterSlice> update, ParameterSlice slice)
    {
        Backend.OnEachRun(slice.CountStep);
        update(slice);
    }

    /// <summary>The gradients of the parameters to update: the whole buffer if these are all parameters, else one by one.</summary>
    public IEnumerable<Tensor> KnownGradients()
    {
        if (!IsGathered()) Gather();
        var gradients = Enumerable.Range(0, _parameters.Length).Select(i => Moves(i, out var gradient) ? gradient : null).OfType<Tensor>().ToArray();
        return gradients.Length == _parameters.Length ? [_gradients!] : gradients;
    }

    /// <summary>Whether a parameter is to be updated: it is not frozen and has a gradient.</summary>
    private bool Moves(int index, [NotNullWhen(true)] out Tensor? gradient)
    {
        var value = _parameters[index].Value;
        gradient = value.RequiresGrad ? value.KnownGradient : null;
        return gradient is not null;
    }

    /// <summary>Sets the state of a parameter; null values reset it.</summary>
    public void SetState(int index, Tensor?[] state, int steps)
    {
        _steps[index] = steps;
        _hasState[index] = false;
        for (int slot = 0; slot < Slots.Length; slot++)
        {
            if (_state[slot] is null) MakeState(slot, _values!.Device);
            var place = _stateWindows[slot][index];
            if (state[slot] is { } value)
            {
                Backend.Copy(Tensor.From(value.ToArray<double>(), value.Shape, _values!.Device), place);
                _hasState[index] = true;
            }
            else Backend.Fill(place, 0);
        }
    }

    private Backend Backend => _values!.Device.Backend;

    private void CheckLearned()
    {
        foreach (var parameter in _parameters)
            if (parameter.ComputedBy is not null)
                throw new MiniDLException($"[{Optimizer}] parameter {parameter.Name} {parameter.Shape} is computed from others, "
                    + "which are learned in its place. Reparametrize the module first, then pass its Parameters() to a new optimizer.");
    }

    private bool IsGathered()
    {
        for (int i = 0; i < _parameters.Length; i++)
            if (_parameters[i].ComputedBy is not null || _windows[i] is not { } window || !_parameters[i].Value.IsAt(window)) return false;
        return true;
    }

    /// <summary>Whether every parameter is updated, and in the same way: then one update handles all of them.</summary>
    private bool AllAlike()
    {
        for (int i = 0; i < _parameters.Length; i++)
            if (!Moves(i, out _) || _hasState[i] != _hasState[0] || (_countsSteps && _steps[i] != _steps[0])) return false;
        return true;
    }

    /// <summary>Makes the buffer of a slot, or moves it to another device.</summary>
    private void MakeState(int slot, Device device)
    {
        var old = _state[slot];
        var made = _state[slot] = NewFlat(device);
        if (old is not null) device.Backend.Copy(old.To(device), made);
        for (int i = 0; i < _parameters.Length; i++) _stateWindows[slot][i] = Window(made, i);
    }

    private Tensor Window(Tensor flat, int index) =>
        flat.Window(_offsets[index], _parameters[index].Shape, _parameters[index].Value.Layout);

    private Tensor NewFlat(Device device)
    {
        using var suspension = Scope.Suspend();
        return Tensor.Zeros([_count], device).Keep();
    }
}
