using System.Runtime.CompilerServices;

namespace MiniDL.Data;

/// <summary>Images kept as their original bytes and normalized per channel when they are read: <c>(byte/255 − mean) / std</c>.</summary>
/// <example><code>
/// var gray = new ImageDataset("gray", pixels: new byte[2 * 28 * 28], [1, 28, 28], labels: [0, 1], ["dark", "bright"]);
/// </code></example>
public sealed class ImageDataset : Dataset
{
    private const int Levels = 256;

    private readonly byte[] _pixels;
    private readonly long[] _labels;

    // The normalized value of every byte, one channel after the other: reading a pixel is one table lookup.
    private readonly float[] _table;

    /// <summary>The copies on devices; each is freed with this dataset or with its device.</summary>
    private readonly ConditionalWeakTable<Device, ResidentData> _moved = [];

    /// <summary>Makes a dataset from images, which it does not copy.</summary>
    /// <param name="pixels">All images, concatenated, each [C, H, W] row-major: the planes of red, green and blue.</param>
    /// <param name="inputShape">[C, H, W].</param>
    /// <param name="labels">The class of each image, from 0.</param>
    /// <param name="mean">The mean of each channel, for bytes scaled to 0 to 1; by default computed from these images.</param>
    /// <param name="std">The standard deviation of each channel, likewise.</param>
    /// <exception cref="MiniDLException">The lengths do not match, a deviation is not positive, or a label is out of
    /// range.</exception>
    public ImageDataset(string name, byte[] pixels, Shape inputShape, long[] labels, IReadOnlyList<string> classNames,
        float[]? mean = null, float[]? std = null)
    {
        if (inputShape.Rank != 3 || inputShape.Count < 1 || pixels.LongLength != (long)inputShape.Count * labels.Length)
            throw new MiniDLException($"[data] {name}: {labels.Length} labels and images of {inputShape} (expected [C, H, W]) need "
                + $"{(long)inputShape.Count * labels.Length} bytes, got {pixels.Length}.");
        (Name, InputShape, ClassNames, Count) = (name, inputShape, classNames, labels.Length);
        (_pixels, _labels) = (pixels, labels);
        CheckLabels(name, labels, Classes);
        (Mean, Std) = mean is null || std is null ? Statistics(pixels, inputShape) : (mean, std);
        _table = Table(Mean, Std);
    }

    private ImageDataset(ImageDataset all, int count)
    {
        (Name, InputShape, ClassNames, Count) = (all.Name, all.InputShape, all.ClassNames, count);
        (_pixels, _labels, _table) = (all._pixels, all._labels, all._table);
        (Mean, Std, MirrorKeepsClass) = (all.Mean, all.Std, all.MirrorKeepsClass);
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override int Count { get; }

    /// <inheritdoc/>
    public override Shape InputShape { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> ClassNames { get; }

    /// <summary>What is subtracted from each channel, for bytes scaled to 0 to 1.</summary>
    public IReadOnlyList<float> Mean { get; }

    /// <summary>What each channel is divided by, for bytes scaled to 0 to 1.</summary>
    public IReadOnlyList<float> Std { get; }

    /// <summary>The bytes of one image, [C, H, W], for display.</summary>
    public ReadOnlySpan<byte> Pixels(int index) =>
        (uint)index < (uint)Count
            ? _pixels.AsSpan(index * InputShape.Count, InputShape.Count)
            : throw new ArgumentOutOfRangeException(nameof(index), index, $"{this}");

    /// <summary>The bytes of all images.</summary>
    internal ReadOnlySpan<byte> Bytes => _pixels.AsSpan(0, Count * InputShape.Count);

    /// <summary>The labels of all images.</summary>
    internal ReadOnlySpan<long> Labels => _labels.AsSpan(0, Count);

    /// <summary>The normalized value of every byte, one channel after the other.</summary>
    internal ReadOnlySpan<float> LookUp => _table;

    /// <summary>These images on a device; all its streams share them. They are moved there on first use.</summary>
    internal ResidentData On(Device device)
    {
        lock (_moved) return _moved.GetValue(device.Backend.Home, home => new ResidentData(this, home));
    }

    /// <inheritdoc/>
    public override long Label(int index) => _labels[index];

    /// <inheritdoc/>
    public override void Read(int index, Span<float> x)
    {
        var pixels = Pixels(index);
        int plane = InputShape[1] * InputShape[2];
        for (int i = 0; i < pixels.Length; i++) x[i] = _table[i / plane * Levels + pixels[i]];
    }

    /// <inheritdoc/>
    public override void ReadChannelsLast(int index, Crop crop, Span<float> x)
    {
        var (channels, height, width) = (InputShape[0], InputShape[1], InputShape[2]);
        var pixels = Pixels(index);
        if (crop != Crop.None) x.Clear();
        var (first, end, column, step) = crop.Columns(width);
        for (int c = 0; c < channels; c++)
        {
            var table = _table.AsSpan(c * Levels, Levels);
            for (int y = Math.Max(0, -crop.Top); y < Math.Min(height, height - crop.Top); y++)
            {
                int from = (c * height + y + crop.Top) * width + column, to = (y * width + first) * channels + c;
                for (int i = first; i < end; i++, from += step, to += channels) x[to] = table[pixels[from]];
            }
        }
    }

    /// <inheritdoc/>
    public override Dataset Take(int count)
    {
        CheckTake(count);
        return count == Count ? this : new ImageDataset(this, count);
    }

    /// <summary>Mean and standard deviation of each channel, for bytes scaled to 0 to 1; a constant channel gets the deviation 1.</summary>
    public static (float[] Mean, float[] Std) Statistics(ReadOnlySpan<byte> pixels, Shape inputShape)
    {
        int channels = inputShape[0], plane = inputShape[1] * inputShape[2];
        var (mean, std) = (new float[channels], new float[channels]);
        for (int c = 0; c < channels; c++)
        {
            // Sums of bytes and of their squares are integers, so they are exact in any order.
            long count = 0, sum = 0, squares = 0;
            for (int start = c * plane; start < pixels.Length; start += channels * plane)
            {
                foreach (byte value in pixels.Slice(start, plane)) (sum, squares) = (sum + value, squares + value * value);
                count += plane;
            }
            double average = (double)sum / Math.Max(1, count), variance = (double)squares / Math.Max(1, count) - average * average;
            mean[c] = (float)(average / 255);
            std[c] = variance > 0 ? (float)(Math.Sqrt(variance) / 255) : 1;
        }
        return (mean, std);
    }

    private float[] Table(IReadOnlyList<float> mean, IReadOnlyList<float> std)
    {
        if (mean.Count != InputShape[0] || std.Count != InputShape[0] || std.Any(value => !(value > 0)))
            throw new MiniDLException($"[data] {Name}: images of {InputShape} need {InputShape[0]} means and positive deviations, "
                + $"got [{string.Join(", ", mean)}] and [{string.Join(", ", std)}].");
        var table = new float[mean.Count * Levels];
        for (int i = 0; i < table.Length; i++) table[i] = (i % Levels / 255f - mean[i / Levels]) / std[i / Levels];
        return table;
    }
}
