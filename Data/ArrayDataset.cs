namespace MiniDL.Data;

/// <summary>A dataset over your own arrays, which are not copied.</summary>
/// <example><code>
/// var train = new ArrayDataset(features, inputShape: [4], classes);     // features: 4 values per example, concatenated
/// </code></example>
public sealed class ArrayDataset : Dataset
{
    private readonly float[] _x;
    private readonly long[] _labels;

    /// <summary>Makes a dataset from arrays.</summary>
    /// <param name="x">All inputs, concatenated, each in row-major order, as the network expects them (see
    /// <see cref="FeatureScaling"/>).</param>
    /// <param name="inputShape">The shape of one input.</param>
    /// <param name="labels">The class of each example, from 0.</param>
    /// <param name="classNames">The names of the classes; by default their numbers, up to the largest label.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="MiniDLException">The lengths do not match, or a label is out of range.</exception>
    public ArrayDataset(float[] x, Shape inputShape, long[] labels, IReadOnlyList<string>? classNames = null, string name = "arrays")
    {
        if (inputShape.Count < 1 || x.LongLength != (long)inputShape.Count * labels.Length)
            throw new MiniDLException($"[data] {name}: {labels.Length} labels and inputs of {inputShape} need "
                + $"{(long)inputShape.Count * labels.Length} values, got {x.Length}.");
        (_x, _labels) = (x, labels);
        (Name, InputShape) = (name, inputShape);
        ClassNames = classNames ?? Enumerable.Range(0, labels.Length == 0 ? 0 : checked((int)Math.Max(0, labels.Max()) + 1))
            .Select(number => number.ToString()).ToArray();
        CheckLabels(name, labels, Classes);
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override int Count => _labels.Length;

    /// <inheritdoc/>
    public override Shape InputShape { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> ClassNames { get; }

    /// <inheritdoc/>
    public override void Read(int index, Span<float> x) => _x.AsSpan(index * InputShape.Count, InputShape.Count).CopyTo(x);

    /// <inheritdoc/>
    public override long Label(int index) => _labels[index];
}
