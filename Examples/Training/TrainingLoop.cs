using MiniDL.Data;
using MiniDL.Diagnostics;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Examples.Training;

/// <summary>
/// The training loop: draws the batches, sets the learning rate and takes the steps, for every verb and study. What is made of a step (a row,
/// a curve, a checkpoint, an end) is up to whoever enumerates them.
/// </summary>
/// <param name="rateAt">The learning rate of a step, by the number of steps before it.</param>
/// <param name="stopsShort">As in <see cref="TrainingStep"/>.</param>
/// <param name="clipNorm">As in <see cref="TrainingStep"/>.</param>
/// <param name="look">As in <see cref="TrainingStep"/>.</param>
/// <param name="detectAnomaly">As in <see cref="TrainingStep"/>.</param>
/// <param name="lossOf">As in <see cref="TrainingStep"/>.</param>
internal sealed class TrainingLoop(Module model, Optimizer optimizer, BatchSource batches, Device device, Func<int, float> rateAt,
    bool stopsShort, double? clipNorm = null, Action<Func<Tensor>>? look = null, bool detectAnomaly = false,
    Func<Tensor, Tensor, Tensor>? lossOf = null) : IDisposable
{
    private readonly TrainingStep _step = new(model, optimizer, batches, device, stopsShort, clipNorm, look, detectAnomaly, lossOf);

    public int StepsPerEpoch => batches.BatchesPerEpoch;

    /// <summary>Whether steps are repeated as a whole, and a loss is seen only after its update.</summary>
    public bool Repeats => _step.Repeats;

    /// <summary>Takes the steps of an epoch. The model is in training mode, and left so by whoever evaluates it in between.</summary>
    /// <param name="epoch">From 0.</param>
    /// <param name="batch">How many of its batches have been trained on already.</param>
    /// <param name="stop">Ends it after the current step, without an exception.</param>
    public IEnumerable<TrainedBatch> Epoch(int epoch, int batch = 0, CancellationToken stop = default)
    {
        model.Train();
        batches.Start(epoch, batch);
        try
        {
            for (int step = epoch * StepsPerEpoch + batch; step < (epoch + 1) * StepsPerEpoch && !stop.IsCancellationRequested; step++)
            {
                StepGarbage.Collect();
                using var scope = Scope.Step();
                float rate = optimizer.LearningRate = rateAt(step);
                Tensor loss, logits;
                using (Profiler.Time("training", "step")) (loss, logits) = _step.Run();
                yield return new TrainedBatch(step + 1, rate, batches.Images, new BatchResult(loss, logits, batches.Labels));
            }
        }
        finally
        {
            batches.End();
        }
    }

    /// <summary>Takes so many steps, epoch after epoch from the first.</summary>
    public IEnumerable<TrainedBatch> Steps(int count) =>
        Enumerable.Range(0, count / StepsPerEpoch + 1).SelectMany(epoch => Epoch(epoch)).Take(count);

    public void Dispose() => _step.Dispose();
}

/// <summary>A batch that a step was taken on.</summary>
/// <param name="Step">Steps since training began, this one included.</param>
/// <param name="LearningRate">Of this step.</param>
internal sealed record TrainedBatch(int Step, float LearningRate, Tensor Images, BatchResult Result);
