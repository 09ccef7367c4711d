namespace MiniDL;

/// <summary>
/// A step that is run many times, such as forward, backward and optimizer on one batch. A GPU records it once and replays it as a
/// whole, with one call instead of hundreds; on other devices, and if the environment has MINIDL_CUDA_GRAPH=0, it simply runs.
/// Made by <see cref="Device.Record"/>.
/// </summary>
/// <remarks>
/// <para>The step must do the same work every time, on tensors that stay where they are; only their values may change between runs.
/// Learning rates, the positions of dropout's random streams and batch counters advance as if the step ran normally. The host
/// cannot read values inside it (an error says what was read): return what you want to look at.</para>
/// <para>On a GPU the first two runs are ordinary steps, which create gradients, velocities and everything else that is made once; the
/// third is recorded. Memory used inside the step belongs to it: to make a tensor outlive a run, return it or keep it
/// (<see cref="Tensor.Keep"/>), as in a <see cref="Scope"/>.</para>
/// </remarks>
/// <example><code>
/// using var step = Device.Cuda.Record(() =>
/// {
///     var loss = Loss.CrossEntropy(model.Forward(images), labels);
///     sgd.ZeroGrad();
///     loss.Backward();
///     sgd.Step();
///     return [loss];
/// });
/// foreach (var batch in loader.Epoch(0))
/// {
///     batch.Images.CopyTo(images);
///     batch.Labels.CopyTo(labels);
///     double loss = step.Run()[0].Item();
/// }
/// </code></example>
public abstract class RecordedStep : IDisposable
{
    private protected RecordedStep()
    {
    }

    /// <summary>Whether the step is recorded and replayed, on the same tensors, instead of running anew each time.</summary>
    public abstract bool Repeats { get; }

    /// <summary>Runs the step once.</summary>
    /// <returns>What the step returns; valid until the next run.</returns>
    /// <exception cref="MiniDLException">The host read or wrote values while the step was being recorded.</exception>
    public abstract Tensor[] Run();

    /// <summary>Releases the recorded step and its memory, except for tensors that are still referred to, such as gradients.</summary>
    public abstract void Dispose();
}

/// <summary>A step that runs anew each time.</summary>
internal sealed class PlainStep(Func<Tensor[]> step) : RecordedStep
{
    public override bool Repeats => false;

    public override Tensor[] Run() => step();

    public override void Dispose()
    {
    }
}
