using MiniDL.Data;
using MiniDL.Examples.Training;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Examples.Studies.NormsInTraining;

/// <summary>A model that learns to classify by SGD, on the device it is on: what the studies that watch training have in common.</summary>
internal sealed class Classifier(
    Module model, DataLoader batches, double learningRate, double momentum = 0, double weightDecay = 0)
{
    private const int EvaluationBatch = 250;

    private readonly Sgd _sgd = new(model.Parameters(), (float)learningRate, (float)momentum, weightDecay: (float)weightDecay);

    private readonly Device _device = model.Parameters().First().Value.Device;

    public Module Model => model;

    /// <summary>Takes so many steps from the first batch; hands out the loss and error before each, in training mode.</summary>
    /// <param name="schedule">Of the learning rate; null where it stays.</param>
    public IEnumerable<Score> Steps(int count, Schedule? schedule = null)
    {
        using var loop = new TrainingLoop(model, _sgd, BatchSource.Of(batches, _device), _device,
            step => (float)(learningRate * (schedule?.Factor((double)step / count) ?? 1)), stopsShort: false);
        foreach (var trained in loop.Steps(count)) yield return new Score(trained.Result.Loss, trained.Result.ErrorPercent);
    }

    /// <summary>Trains, and hands out the mean score over each epoch's batches; ends when the loss is no number any more.</summary>
    /// <param name="schedule">Of the learning rate.</param>
    /// <param name="progress">Told after each step which part of the training is done.</param>
    public IEnumerable<Score> Epochs(int epochs, Schedule schedule, Action<double> progress)
    {
        int steps = epochs * batches.BatchesPerEpoch;
        double loss = 0, error = 0;
        foreach (var (step, score) in Steps(steps, schedule).Index())
        {
            (loss, error) = (loss + score.Loss, error + score.Error);
            bool diverged = !double.IsFinite(loss);
            if (!diverged) progress((double)step / steps);
            if (!diverged && (step + 1) % batches.BatchesPerEpoch != 0) continue;
            yield return new Score(loss / batches.BatchesPerEpoch, error / batches.BatchesPerEpoch);
            if (diverged) yield break;
            (loss, error) = (0, 0);
        }
    }

    /// <summary>Loss and error over a dataset in evaluation mode.</summary>
    public Score Evaluate(Dataset data)
    {
        model.Eval();
        var score = Score(new DataLoader(data, EvaluationBatch, new RandomStream(0), shuffle: false).Epoch(0));
        model.Train();
        return score;
    }

    /// <summary>Mean loss and error over batches in the mode that the model is in; nothing is learned.</summary>
    public Score Score(IEnumerable<Batch> batches) => Training.Score.Of(model, _device, batches);
}
