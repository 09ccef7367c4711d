using MiniDL.Layers;

namespace MiniDL.Examples.Training;

/// <summary>What a model gave for a batch, on its way to the host: on a GPU the next batch can begin before it is there.</summary>
internal sealed class BatchResult(Tensor loss, Tensor logits, Tensor labels)
{
    private readonly Func<float[]> _loss = loss.ToArrayLater<float>(), _logits = logits.ToArrayLater<float>();
    private readonly Func<long[]> _labels = labels.ToArrayLater<long>();
    private readonly Shape _shape = logits.Shape;

    public int Images => _shape[0];

    /// <summary>The mean over the batch; waits for it.</summary>
    public float Loss => _loss()[0];

    /// <summary>How many images were classified wrongly; waits for it.</summary>
    public int Errors => Metrics.Errors(Tensor.From(_logits(), _shape), Tensor.From(_labels(), [Images]));

    /// <summary>Percentage of the batch that was classified wrongly; waits for it.</summary>
    public double ErrorPercent => Metrics.ErrorPercent(Tensor.From(_logits(), _shape), Tensor.From(_labels(), [Images]));
}
