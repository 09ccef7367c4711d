using System.Buffers;

namespace MiniDL.Data;

/// <summary>
/// A numbered list of examples, each an input of one shape and the number of its class. To use your own data, derive from this
/// class, or put the values into an <see cref="ArrayDataset"/>. Reading must be safe on several threads at once.
/// </summary>
/// <example><code>
/// sealed class Points : Dataset
/// {
///     public override string Name => "points";
///     public override int Count => 4;
///     public override Shape InputShape => [1];
///     public override IReadOnlyList&lt;string> ClassNames => ["low", "high"];
///     public override void Read(int index, Span&lt;float> x) => x[0] = index;
///     public override long Label(int index) => index / 2;
/// }
/// </code></example>
public abstract class Dataset
{
    /// <summary>What tables and messages call it.</summary>
    public abstract string Name { get; }

    /// <summary>The number of examples.</summary>
    public abstract int Count { get; }

    /// <summary>The shape of one input, without the batch: <c>[3, 32, 32]</c> for a colour image, <c>[4]</c> for four features.</summary>
    public abstract Shape InputShape { get; }

    /// <summary>The names of the classes, in the order of their numbers.</summary>
    public abstract IReadOnlyList<string> ClassNames { get; }

    /// <summary>
    /// Whether an input mirrored left to right stays in its class: true for photographs, false for digits and letters. If false,
    /// mirroring must not be used as augmentation.
    /// </summary>
    public bool MirrorKeepsClass { get; init; } = true;

    /// <summary>The number of classes; labels are 0 to Classes − 1.</summary>
    public int Classes => ClassNames.Count;

    /// <summary>Writes one (normalized) input as the network expects it, in logical, row-major order.</summary>
    /// <param name="index">Which example, 0 to Count − 1.</param>
    /// <param name="x">Room for exactly <c>InputShape.Count</c> values.</param>
    public abstract void Read(int index, Span<float> x);

    /// <summary>The class of one example, 0 to Classes − 1.</summary>
    public abstract long Label(int index);

    /// <summary>
    /// Writes one image channels last (row by row, the channels of a pixel side by side), seen through a crop. The
    /// <see cref="DataLoader"/> calls it when inputs have three dimensions. Override it if the default, <see cref="Read"/> and a copy,
    /// is too slow.
    /// </summary>
    public virtual void ReadChannelsLast(int index, Crop crop, Span<float> x)
    {
        float[] rented = ArrayPool<float>.Shared.Rent(InputShape.Count);
        var planes = rented.AsSpan(0, InputShape.Count);
        Read(index, planes);
        crop.Apply(planes, InputShape, x);
        ArrayPool<float>.Shared.Return(rented);
    }

    /// <summary>The first <paramref name="count"/> examples, as a dataset that shares this one's memory.</summary>
    /// <exception cref="MiniDLException">There are fewer, or the number is below one.</exception>
    public virtual Dataset Take(int count)
    {
        CheckTake(count);
        return count == Count ? this : new Part(this, 0, count);
    }

    /// <summary>All but the first <paramref name="count"/> examples, as a dataset that shares this one's memory.</summary>
    /// <exception cref="MiniDLException">None would be left, or the number is negative.</exception>
    public Dataset Skip(int count)
    {
        if (count < 0 || count >= Count)
            throw new MiniDLException($"[data] {Name} has {Count} examples, so {count} cannot be left out. Leave out 0 to {Count - 1}.");
        return count == 0 ? this : new Part(this, count, Count - count);
    }

    /// <summary>Name, number of examples, shape and classes: <c>cifar10 train: 50000 × [3, 32, 32], 10 classes</c>.</summary>
    public override string ToString() => $"{Name}: {Count} × {InputShape}, {Classes} classes";

    private protected void CheckTake(int count)
    {
        if (count < 1 || count > Count)
            throw new MiniDLException($"[data] {Name} has {Count} examples, so {count} cannot be taken. Ask for 1 to {Count}.");
    }

    private protected static void CheckLabels(string name, ReadOnlySpan<long> labels, int classes)
    {
        for (int i = 0; i < labels.Length; i++)
            if (labels[i] < 0 || labels[i] >= classes)
                throw new MiniDLException(
                    $"[data] {name}: example {i} has label {labels[i]}, which is not one of the {classes} classes 0 to {classes - 1}.");
    }

    /// <summary>A run of consecutive examples of another dataset.</summary>
    private sealed class Part : Dataset
    {
        private readonly Dataset _all;
        private readonly int _first;

        public Part(Dataset all, int first, int count) =>
            (_all, _first, Count, MirrorKeepsClass) = (all, first, count, all.MirrorKeepsClass);

        public override string Name => _all.Name;
        public override int Count { get; }
        public override Shape InputShape => _all.InputShape;
        public override IReadOnlyList<string> ClassNames => _all.ClassNames;
        public override void Read(int index, Span<float> x) => _all.Read(_first + index, x);
        public override long Label(int index) => _all.Label(_first + index);
        public override void ReadChannelsLast(int index, Crop crop, Span<float> x) => _all.ReadChannelsLast(_first + index, crop, x);
    }
}
