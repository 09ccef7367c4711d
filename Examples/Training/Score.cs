using MiniDL.Data;
using MiniDL.Layers;

namespace MiniDL.Examples.Training;

/// <summary>How well a model classifies some images.</summary>
/// <param name="Loss">Mean cross-entropy.</param>
/// <param name="Error">Percentage classified wrongly.</param>
internal readonly record struct Score(double Loss, double Error)
{
    public static Score Nothing { get; } = new(double.NaN, double.NaN);

    /// <summary>Mean over batches, in the mode that the model is in; nothing is learned.</summary>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public static Score Of(Module model, Device device, IEnumerable<Batch> batches, CancellationToken stop = default)
    {
        using var noGrad = new NoGrad();
        var mean = new RunningMean();
        // A GPU works on a batch while the host looks at the one before.
        BatchResult? before = null;
        foreach (var batch in batches)
        {
            stop.ThrowIfCancellationRequested();
            StepGarbage.Collect();
            using var scope = Scope.Step();
            var labels = batch.Labels.To(device);
            var logits = model.Forward(batch.Images.To(device));
            var result = new BatchResult(MiniDL.Layers.Loss.CrossEntropy(logits, labels), logits, batch.Labels);
            mean.Add(before);
            before = result;
        }
        mean.Add(before);
        return mean.Score;
    }
}
