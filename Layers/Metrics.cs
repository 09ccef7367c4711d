namespace MiniDL.Layers;

/// <summary>Measures of classification quality.</summary>
/// <example><code>Console.WriteLine($"error {Metrics.ErrorPercent(model.Forward(x), labels):F1} %");</code></example>
public static class Metrics
{
    /// <summary>The percentage of rows whose largest logit is not at their label.</summary>
    /// <inheritdoc cref="Errors"/>
    public static double ErrorPercent(Tensor logits, Tensor labels) => 100.0 * Errors(logits, labels) / labels.Count;

    /// <summary>
    /// The number of rows whose largest logit (of equal ones, the first) is not at their label. A row with NaN counts as an error.
    /// </summary>
    /// <param name="logits">[N, classes].</param>
    /// <param name="labels">Class numbers, I64 [N].</param>
    /// <exception cref="ShapeException">The shapes do not match, or there are no rows.</exception>
    public static int Errors(Tensor logits, Tensor labels)
    {
        Check.Rank("error", "logits", logits, 2, "They should be [N, classes].");
        Check.That(labels.DType == DType.I64 && labels.Shape == [logits.Shape[0]] && labels.Count > 0, "error",
            $"logits {logits.Shape} need labels [{logits.Shape[0]}] of type I64, and at least one; got {labels.DType} {labels.Shape}.");
        bool inPlace = logits.Device == Device.Cpu && logits.DType == DType.F32;
        ReadOnlySpan<float> values = inPlace ? logits.Span : logits.ToArray();
        ReadOnlySpan<long> classes = inPlace ? labels.Values<long>() : labels.ToArray<long>();
        int errors = 0, columns = logits.Shape[1];
        for (int row = 0; row < classes.Length; row++)
            if (!IsLargest(values.Slice(row * columns, columns), classes[row])) errors++;
        return errors;
    }

    private static bool IsLargest(ReadOnlySpan<float> row, long label)
    {
        Check.That(label >= 0 && label < row.Length, "error", $"label {label} is not one of the classes 0 to {row.Length - 1}.");
        for (int i = 0; i < row.Length; i++)
        {
            bool below = i < label ? row[i] < row[(int)label] : row[i] <= row[(int)label];
            if (!below) return false;
        }
        return true;
    }
}
