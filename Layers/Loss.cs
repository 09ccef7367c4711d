namespace MiniDL.Layers;

/// <summary>Losses: functions of a model's output and its target that return one value.</summary>
/// <example><code>var loss = Loss.CrossEntropy(model.Forward(x), labels);</code></example>
public static class Loss
{
    /// <summary>Mean cross-entropy, <c>−(1/N) Σₙ log softmax(logits[n])[labels[n]]</c>.</summary>
    /// <param name="logits">[N, classes].</param>
    /// <param name="labels">Class numbers, I64 [N].</param>
    /// <exception cref="ShapeException">The shapes do not match, there are no rows, or a label is not a class.</exception>
    public static Tensor CrossEntropy(Tensor logits, Tensor labels) => logits.CrossEntropy(labels);

    /// <summary>Mean squared error, <c>mean((x − target)²)</c>.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="target">The same shape.</param>
    /// <exception cref="ShapeException">The shapes differ.</exception>
    public static Tensor Mse(Tensor x, Tensor target) => x.MseLoss(target);
}
