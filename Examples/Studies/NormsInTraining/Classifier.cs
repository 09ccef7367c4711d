using MiniDL.Data;
using MiniDL.Examples.Training;
using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Examples.Studies.NormsInTraining;

/// <summary>A model that learns to classify by SGD, on the device it is on: what the studies that watch training have in common.</summary>
internal sealed class Classifier(Module model, double learningRate, double momentum = 0, double weightDecay = 0)
{
    private const int EvaluationBatch = 250;

    private readonly Sgd _sgd = new(model.Parameters(), (float)learningRate, (float)momentum, weightDecay: (float)weightDecay);

    private readonly Device _device = model.Parameters().First().Value.Device;

    public Module Model => model;

    public double LearningRate
    {
        get => _sgd.LearningRate;
        set => _sgd.LearningRate = (float)value;
    }

    /// <summary>Takes one step; loss and error are those before it, in training mode.</summary>
    public Score Step(Batch batch)
    {
        using var step = Scope.Step();
        var labels = batch.Labels.To(_device);
        var logits = model.Forward(batch.Images.To(_device));
        var loss = Loss.CrossEntropy(logits, labels);
        Update.By(_sgd, loss);
        return new Score(loss.Item(), Metrics.ErrorPercent(logits, labels));
    }

    /// <summary>Trains, and hands out the mean score over each epoch's batches; ends when the loss is no number any more.</summary>
    /// <param name="schedule">Of the learning rate.</param>
    /// <param name="progress">Told after each step which part of the training is done.</param>
    public IEnumerable<Score> Epochs(DataLoader batches, int epochs, Schedule schedule, Action<double> progress)
    {
        int steps = 0;
        for (int epoch = 0; epoch < epochs; epoch++)
        {
            double loss = 0, error = 0;
            foreach (var batch in batches.Epoch(epoch))
            {
                double done = (double)steps++ / (epochs * batches.BatchesPerEpoch);
                _sgd.LearningRate = (float)(learningRate * schedule.Factor(done));
                var score = Step(batch);
                (loss, error) = (loss + score.Loss, error + score.Error);
                if (!double.IsFinite(loss)) break;
                progress(done);
            }
            yield return new Score(loss / batches.BatchesPerEpoch, error / batches.BatchesPerEpoch);
            if (!double.IsFinite(loss)) yield break;
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
