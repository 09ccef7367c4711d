namespace MiniDL;

public sealed partial class Tensor
{
    /// <summary>
    /// Mean cross-entropy of logits [N, classes] against labels [N] (I64): <c>−(1/N) Σₙ log softmax(x[n])[label[n]]</c>.
    /// </summary>
    /// <exception cref="ShapeException">The shapes do not match, there are no rows, or a label is not a class.</exception>
    public Tensor CrossEntropy(Tensor labels)
    {
        Check.Rank("cross_entropy", "logits", this, 2, "They should be [N, classes].");
        Check.Float("cross_entropy", "logits", this);
        Check.That(labels.DType == DType.I64 && labels.Rank == 1, "cross_entropy",
            $"labels should be class numbers, I64 of shape [N], got {labels.DType} {labels.Shape}.");
        Check.That(labels.Count == Shape[0] && Count > 0, "cross_entropy",
            $"logits {Shape} have {Shape[0]} rows, labels {labels.Shape} have {labels.Count}; they must be equal, and at least one.");
        labels.Device.Backend.CheckLabels(labels, Shape[1]);
        return new CrossEntropyOp(ToFloat(), labels).Run();
    }
}

/// <summary>loss = −mean log softmax(x)[label]; dx = (softmax(x) − onehot(label)) · dloss / N.</summary>
internal sealed class CrossEntropyOp(Tensor x, Tensor labels) : Operator("cross_entropy", x, labels)
{
    private readonly int _rows = x.Shape[0], _columns = x.Shape[1];
    private Tensor? _logProbabilities;

    protected override Saved BackwardReads => Saved.Input1;

    internal override IReadOnlyList<(string Name, Tensor? Value)> SavedBeside => [("log-probabilities", _logProbabilities)];

    protected override Tensor Forward()
    {
        var loss = New(Shape.Scalar);
        _logProbabilities = New(x.Shape);
        Backend.LogSoftmax(x, _logProbabilities, _rows, _columns);
        Backend.NegativeLogLikelihood(_logProbabilities, labels, loss, _rows, _columns);
        return loss;
    }

    protected override void Backward(Tensor dloss, Gradients d)
    {
        if (d.Wanted(0, out var dx)) Backend.CrossEntropyGradient(dloss, _logProbabilities!, labels, dx, _rows, _columns);
    }
}
