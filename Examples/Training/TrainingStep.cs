using MiniDL.Data;
using MiniDL.Diagnostics;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Examples.Training;

/// <summary>Draws a batch and runs forward, backward and the optimizer on it: one step, which a GPU records and then repeats.</summary>
internal sealed class TrainingStep : IDisposable
{
    private readonly Device _device;
    private readonly RecordedStep? _recorded;
    private readonly Func<Tensor[]> _step;

    /// <param name="stopsShort">
    /// Whether a loss that is not finite ends the step on the CPU, so that the weights stay as they were and it can be found where it began; a
    /// recorded step cannot look. A benchmark times whole steps, whatever they compute.
    /// </param>
    /// <param name="clipNorm">The longest that all gradients together may be; null where they are not clipped.</param>
    /// <param name="look">
    /// Called when the gradients are there and nothing has moved yet, with a function that computes the loss on the batch again; it may
    /// measure, but must leave the net as it was. A step that is looked into is not recorded.
    /// </param>
    /// <param name="detectAnomaly">
    /// Whether the first value that is NaN or infinite throws an <see cref="AnomalyException"/>. Such a step is not recorded either.
    /// </param>
    /// <param name="lossOf">The loss of outputs and labels; null for the mean cross-entropy.</param>
    public TrainingStep(Module model, Optimizer optimizer, BatchSource batches, Device device, bool stopsShort, double? clipNorm = null,
        Action<Func<Tensor>>? look = null, bool detectAnomaly = false, Func<Tensor, Tensor, Tensor>? lossOf = null)
    {
        _device = device;
        _step = () =>
        {
            using var detection = detectAnomaly ? Autograd.DetectAnomaly() : null;
            batches.Draw();
            var logits = model.Forward(batches.Images);
            var loss = LossOf(logits);
            if (stopsShort && !Repeats && !float.IsFinite(loss.Item())) return [loss, logits];
            Update.By(optimizer, loss, clipNorm, look is null ? null : () => look(() => LossOf(model.Forward(batches.Images))));
            return [loss, logits];
        };
        _recorded = look is null && !detectAnomaly ? device.Record(_step) : null;

        Tensor LossOf(Tensor outputs) => lossOf is null ? Loss.CrossEntropy(outputs, batches.Labels) : lossOf(outputs, batches.Labels);
    }

    /// <summary>Whether the step is repeated as a whole, its loss seen only afterwards.</summary>
    public bool Repeats => _recorded is { Repeats: true };

    /// <summary>Runs it on the next batch.</summary>
    /// <returns>The loss before the step, and the logits; valid until the next step.</returns>
    public (Tensor Loss, Tensor Logits) Run()
    {
        var results = _recorded is null ? _step() : _recorded.Run();
        return (results[0], results[1]);
    }

    /// <summary>Measures the step. The model is worth nothing afterwards.</summary>
    public KernelProfile Profile(int measurements, Action<double> progress, CancellationToken stop) =>
        KernelProfile.Of(_device, _step, measurements, progress, stop);

    public void Dispose() => _recorded?.Dispose();
}

/// <summary>The same batch again and again.</summary>
internal sealed class OneBatch(Tensor images, Tensor labels) : BatchSource
{
    /// <summary>Random examples of a shape, and labels of the classes in turn.</summary>
    public static OneBatch Random(int batch, Shape input, int classes, RandomStream random, Device device) => new(
        Tensor.Normal([batch, .. input.Sizes], random, device: device),
        Tensor.From([.. Enumerable.Range(0, batch).Select(i => (long)(i % classes))], [batch], device));

    public override Tensor Images => images;

    public override Tensor Labels => labels;

    public override int BatchesPerEpoch => 1;

    public override void Start(int epoch, int batch = 0)
    {
    }

    public override void Draw()
    {
    }
}
