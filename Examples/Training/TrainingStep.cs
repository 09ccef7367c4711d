using MiniDL.Data;
using MiniDL.Diagnostics;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Examples.Training;

/// <summary>
/// Forward, backward and optimizer on one batch. A GPU records the step once and then repeats it on the same tensors, which every
/// batch is copied into; on the CPU it simply runs.
/// </summary>
internal sealed class TrainingStep : IDisposable
{
    private readonly Device _device;
    private readonly RecordedStep _recorded;
    private readonly Func<Tensor[]> _step;
    private ResidentImages? _resident;
    private Tensor _images = null!, _labels = null!;

    /// <param name="stopsShort">
    /// Whether a loss that is not finite ends the step on the CPU, so that the weights stay as they were and it can be found where it began; a
    /// recorded step cannot look. A benchmark times whole steps, whatever they compute.
    /// </param>
    /// <param name="clipNorm">The longest that all gradients together may be; null where they are not clipped.</param>
    public TrainingStep(Module model, Optimizer optimizer, Device device, bool stopsShort, double? clipNorm = null)
    {
        _device = device;
        _step = () =>
        {
            _resident?.Draw();
            var logits = model.Forward(_images);
            var loss = Loss.CrossEntropy(logits, _labels);
            if (stopsShort && !Repeats && !float.IsFinite(loss.Item())) return [loss, logits];
            optimizer.ZeroGrad();
            loss.Backward();
            if (clipNorm is { } longest) optimizer.ClipGradNorm(longest);
            optimizer.Step();
            return [loss, logits];
        };
        _recorded = device.Record(_step);
    }

    /// <summary>Whether the step is repeated as a whole, its loss seen only afterwards.</summary>
    public bool Repeats => _recorded.Repeats;

    /// <summary>Draws a batch on the GPU and runs on it.</summary>
    /// <inheritdoc cref="Run(Tensor, Tensor)"/>
    public (Tensor Loss, Tensor Logits) Run(ResidentImages images)
    {
        _resident = images;
        return Run(images.Images, images.Labels);
    }

    /// <summary>Runs it.</summary>
    /// <returns>The loss before the step, and the logits; valid until the next step.</returns>
    public (Tensor Loss, Tensor Logits) Run(Tensor images, Tensor labels)
    {
        if (!_recorded.Repeats) (_images, _labels) = (images.To(_device), labels.To(_device));
        else
        {
            // What was recorded goes on with the tensors of the first step.
            (_images, _labels) = (_images ?? Place(images), _labels ?? Place(labels));
            if (!ReferenceEquals(images, _images)) images.CopyTo(_images);
            if (!ReferenceEquals(labels, _labels)) labels.CopyTo(_labels);
        }
        var results = _recorded.Run();
        return (results[0], results[1]);
    }

    /// <summary>Measures the step, on the batch that it ran on last. The model is worth nothing afterwards.</summary>
    public KernelProfile Profile(int measurements, Action<double> progress, CancellationToken stop) =>
        KernelProfile.Of(_device, _step, measurements, progress, stop);

    public void Dispose() => _recorded.Dispose();

    /// <summary>A tensor on the device that stays.</summary>
    private Tensor Place(Tensor x) => x.Device == _device ? x : x.To(_device).Keep();
}
