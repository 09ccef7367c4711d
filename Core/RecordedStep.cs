namespace MiniDL;

/// <summary>
/// A step that is run again and again, such as forward, backward and optimizer on one batch. A GPU records it once and repeats it as a
/// whole, with one call instead of hundreds; on other devices, and where the environment has MINIDL_CUDA_GRAPH=0, it simply runs.
/// <see cref="Device.Record"/> makes one.
/// </summary>
/// <remarks>
/// <para>The step must do the same work every time, on tensors that stay where they are; only their values may change in between.
/// Learning rates, the positions of the streams that dropout draws from and counters of batches go on as if the step ran. The host
/// cannot read values inside (an error says what was read): return what you want to look at.</para>
/// <para>On a GPU the first two runs are ordinary steps, which make gradients, velocities and whatever else is made once; the third is
/// recorded. Memory that the step uses inside belongs to it: what is to outlive a run is returned or kept
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
/// foreach (var batch in loader)
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

    /// <summary>Whether the step is recorded and repeated, on the same tensors, rather than run anew each time.</summary>
    public abstract bool Repeats { get; }

    /// <summary>Runs the step once.</summary>
    /// <returns>What the step returns; valid until the next run.</returns>
    /// <exception cref="MiniDLException">Values were read by the host, or put in by it, while the step was recorded.</exception>
    public abstract Tensor[] Run();

    /// <summary>Lets go of the recorded step and its memory, but for tensors that are still referred to, such as gradients.</summary>
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
