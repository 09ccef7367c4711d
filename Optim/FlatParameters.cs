using System.Diagnostics.CodeAnalysis;
using MiniDL.Backends;
using MiniDL.Memory;

namespace MiniDL.Optim;

/// <summary>
/// Parameters whose values, gradients and velocities lie in one flat buffer each, so that a step of the optimizer is one call of
/// the backend. Between the parameters are zeros, so that each starts on a cache line.
/// </summary>
internal sealed class FlatParameters
{
    /// <summary>Values in a cache line of 64 bytes, for float.</summary>
    private const int Alignment = 16;

    private readonly Parameter[] _parameters;
    private readonly int[] _offsets;
    private readonly int _count;

    /// <summary>Each parameter's place in the flat buffer: one that is elsewhere now has been moved or replaced.</summary>
    private readonly Tensor?[] _windows;

    /// <summary>Whether a parameter's velocity holds something: on its first step it becomes the gradient.</summary>
    private readonly bool[] _moving;

    private readonly Tensor[] _velocityWindows;
    private Tensor? _values, _gradients, _velocities;

    public FlatParameters(Parameter[] parameters)
    {
        _parameters = parameters;
        _windows = new Tensor?[parameters.Length];
        _moving = new bool[parameters.Length];
        _velocityWindows = new Tensor[parameters.Length];
        _offsets = new int[parameters.Length];
        for (int i = 0; i < parameters.Length; i++)
        {
            _offsets[i] = _count;
            _count += (parameters[i].Shape.Count + Alignment - 1) / Alignment * Alignment;
        }
        CheckLearned();
    }

    public Shape Shape(int index) => _parameters[index].Shape;

    /// <summary>Moves the parameters into new flat buffers, with their gradients and velocities.</summary>
    public void Gather()
    {
        CheckLearned();
        var first = _parameters[0].Value;
        foreach (var parameter in _parameters) Check.SameDevice("sgd", parameter.Value, first);
        _values = NewFlat(first.Device);
        _gradients = NewFlat(first.Device);
        if (_velocities is not null && _velocities.Device != first.Device) MakeVelocities(first.Device);
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

    /// <summary>Takes the parameters for one step of the optimizer.</summary>
    /// <exception cref="MiniDLException">A backward pass or another step is at work on one.</exception>
    public void Claim(int step)
    {
        CheckLearned();
        foreach (var parameter in _parameters)
            if (!parameter.Value.TryClaim(step))
                throw new MiniDLException($"[sgd] parameter {parameter.Name} {parameter.Shape} is being worked on by a backward pass or another "
                    + "step that is still running. Let it end first, or give each thread a model of its own.");
    }

    /// <summary>Lets go of what the step has taken.</summary>
    public void EndClaim(int step)
    {
        foreach (var parameter in _parameters)
            if (parameter.ComputedBy is null && parameter.Value.IsClaimedBy(step)) parameter.Value.EndClaim();
    }

    /// <summary>Moves every parameter that has a gradient and is not frozen; they have been claimed.</summary>
    public void Step(in SgdSettings settings)
    {
        if (!IsGathered()) Gather();
        using var change = new InPlaceChange("sgd", _values!);
        bool momentum = settings.Momentum != 0;
        if (momentum && _velocities is null) MakeVelocities(_values!.Device);
        if (AllAlike())
        {
            Backend.SgdStep(_values!, _gradients!, momentum ? _velocities : null, first: !_moving[0], settings);
            Array.Fill(_moving, momentum);
            return;
        }
        for (int i = 0; i < _parameters.Length; i++)
        {
            if (!Moves(i, out var gradient)) continue;
            Backend.SgdStep(_windows[i]!, gradient, momentum ? _velocityWindows[i] : null, first: !_moving[i], settings);
            _moving[i] = momentum;
        }
    }

    /// <summary>Whether a parameter is to be moved: it is not frozen and has a gradient.</summary>
    private bool Moves(int index, [NotNullWhen(true)] out Tensor? gradient)
    {
        var value = _parameters[index].Value;
        gradient = value.RequiresGrad ? value.KnownGradient : null;
        return gradient is not null;
    }

    /// <summary>A parameter's velocity; null before its first step with momentum.</summary>
    public Tensor? Velocity(int index) => _moving[index] ? _velocityWindows[index] : null;

    /// <summary>Sets a parameter's velocity; null to start anew.</summary>
    public void SetVelocity(int index, Tensor? velocity)
    {
        _moving[index] = velocity is not null;
        if (velocity is null) return;
        var device = _values!.Device;
        if (_velocities is null) MakeVelocities(device);
        device.Backend.Copy(Tensor.From(velocity.ToArray<double>(), velocity.Shape, device), _velocityWindows[index]);
    }

    private Backend Backend => _values!.Device.Backend;

    private void CheckLearned()
    {
        foreach (var parameter in _parameters)
            if (parameter.ComputedBy is not null)
                throw new MiniDLException($"[sgd] parameter {parameter.Name} {parameter.Shape} is computed from others, "
                    + "which are learned in its place. Reparametrize the module first, then pass its Parameters() to a new optimizer.");
    }

    private bool IsGathered()
    {
        for (int i = 0; i < _parameters.Length; i++)
            if (_parameters[i].ComputedBy is not null || _windows[i] is not { } window || !_parameters[i].Value.IsAt(window)) return false;
        return true;
    }

    /// <summary>Whether every parameter moves, and all or none have a velocity: then one call does for all.</summary>
    private bool AllAlike()
    {
        for (int i = 0; i < _parameters.Length; i++)
            if (!Moves(i, out _) || _moving[i] != _moving[0]) return false;
        return true;
    }

    /// <summary>Makes the velocities, or moves them to another device.</summary>
    private void MakeVelocities(Device device)
    {
        var old = _velocities;
        _velocities = NewFlat(device);
        if (old is not null) device.Backend.Copy(old.To(device), _velocities);
        for (int i = 0; i < _parameters.Length; i++) _velocityWindows[i] = Window(_velocities, i);
    }

    private Tensor Window(Tensor flat, int index) =>
        flat.Window(_offsets[index], _parameters[index].Shape, _parameters[index].Value.Layout);

    private Tensor NewFlat(Device device)
    {
        using var suspension = Scope.Suspend();
        return Tensor.Zeros([_count], device).Keep();
    }
}
