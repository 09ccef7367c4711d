using MiniDL.Layers;

namespace MiniDL.Examples.Training;

/// <summary>What a step gave, on its way to the host: on a GPU the next step can begin before it is there.</summary>
/// <param name="number">Steps since the run began, this one included.</param>
/// <param name="learningRate">That the step was taken with.</param>
internal sealed class StepResult(int number, float learningRate, Tensor loss, Tensor logits, Tensor labels)
{
    private readonly Func<float[]> _loss = loss.ToArrayLater<float>(), _logits = logits.ToArrayLater<float>();
    private readonly Func<long[]> _labels = labels.ToArrayLater<long>();
    private readonly Shape _shape = logits.Shape;

    public int Number => number;

    public float LearningRate => learningRate;

    public int Images => _shape[0];

    /// <summary>Before the step; waits for it.</summary>
    public float Loss => _loss()[0];

    /// <summary>Percentage of the batch that was classified wrongly; waits for it.</summary>
    public double ErrorPercent => Metrics.ErrorPercent(Tensor.From(_logits(), _shape), Tensor.From(_labels(), [Images]));
}
