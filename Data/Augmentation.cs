namespace MiniDL.Data;

/// <summary>Random changes to training images that keep their class. New ones are drawn in every epoch.</summary>
/// <remarks>
/// The random numbers depend only on the seed, the epoch and the image's index, not on the thread or the batch it lands in.
/// </remarks>
/// <example><code>var loader = new DataLoader(data, 32, random, augmentation: Augmentation.PadCropFlip(pad: 4));</code></example>
public sealed class Augmentation
{
    /// <summary>How many 32-bit random numbers are reserved per image; even with rejected draws, far fewer are used.</summary>
    internal const int NumbersPerImage = 16;

    private Augmentation(int pad, bool flip) => (Pad, Flip) = (pad, flip);

    /// <summary>How many rows and columns of zeros are added on each side.</summary>
    public int Pad { get; }

    /// <summary>Whether images are mirrored left to right with probability ½.</summary>
    public bool Flip { get; }

    /// <summary>
    /// The usual augmentation for CIFAR (He et al. 2016, section 4.2): pads the normalized image with <paramref name="pad"/> zeros on
    /// each side, takes a random crop of the original size, and mirrors it with probability ½.
    /// </summary>
    /// <param name="flip">Set to false if a mirrored image may belong to another class, as with digits
    /// (<see cref="Dataset.MirrorKeepsClass"/>).</param>
    /// <exception cref="MiniDLException">The padding is negative.</exception>
    public static Augmentation PadCropFlip(int pad = 4, bool flip = true) => pad >= 0
        ? new Augmentation(pad, flip)
        : throw new MiniDLException($"[augmentation] padding {pad} is negative. Use 0 for none, 4 as for CIFAR.");

    /// <summary>Draws the crop of one image.</summary>
    internal Crop Draw(RandomStream random) => new(
        random.NextInt(2 * Pad + 1) - Pad,
        random.NextInt(2 * Pad + 1) - Pad,
        random.NextInt(2) == 1 && Flip);
}

/// <summary>
/// A window of the image's size onto the zero-padded image: shifted, and possibly mirrored.
/// </summary>
/// <param name="Top">The image row that becomes the window's first row; negative if the window starts above the image.</param>
/// <param name="Left">The image column at the window's left edge, before mirroring.</param>
/// <param name="Flip">Whether the window is mirrored left to right.</param>
/// <example><code>
/// float[] pixels = new float[data.InputShape.Count];
/// data.ReadChannelsLast(0, new Crop(Top: -1, Left: 2, Flip: true), pixels);
/// </code></example>
public readonly record struct Crop(int Top, int Left, bool Flip)
{
    /// <summary>The unchanged image.</summary>
    public static Crop None => default;

    /// <summary>Writes the window in channels-last order.</summary>
    /// <param name="planes">The image, [C, H, W] row-major.</param>
    internal void Apply(ReadOnlySpan<float> planes, Shape shape, Span<float> x)
    {
        var (channels, height, width) = (shape[0], shape[1], shape[2]);
        if (this != None) x.Clear();
        for (int c = 0; c < channels; c++)
            for (int y = Math.Max(0, -Top); y < Math.Min(height, height - Top); y++)
            {
                var row = planes.Slice((c * height + y + Top) * width, width);
                var (first, end, column, step) = Columns(width);
                for (int to = (y * width + first) * channels + c; first < end; first++, column += step, to += channels)
                    x[to] = row[column];
            }
    }

    /// <summary>
    /// The window's columns [First, End) that lie inside the image, the image column shown in the first of them, and the step from one
    /// to the next.
    /// </summary>
    internal (int First, int End, int Column, int Step) Columns(int width)
    {
        int first = Math.Max(0, Flip ? Left : -Left), end = Math.Min(width, Flip ? width + Left : width - Left);
        return Flip ? (first, end, Left + width - 1 - first, -1) : (first, end, Left + first, 1);
    }
}
