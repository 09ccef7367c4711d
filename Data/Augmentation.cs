namespace MiniDL.Data;

/// <summary>Random changes to training images that leave their class as it is. They are drawn anew in every epoch.</summary>
/// <remarks>
/// The numbers behind them are a function of the seed, the epoch and the image's index, whatever thread or batch it lands in.
/// </remarks>
public sealed class Augmentation
{
    /// <summary>How many 32-bit random numbers are set aside for one image; rejected draws included, far fewer are used.</summary>
    internal const int NumbersPerImage = 16;

    private Augmentation(int pad, bool flip) => (Pad, Flip) = (pad, flip);

    /// <summary>How many zeros are put around the image.</summary>
    public int Pad { get; }

    /// <summary>Whether half of the images are mirrored left to right.</summary>
    public bool Flip { get; }

    /// <summary>
    /// What CIFAR networks train with (He et al. 2016, section 4.2): pads the normalized image with <paramref name="pad"/> zeros on
    /// each side, takes a random window of the original size, and mirrors it with probability ½.
    /// </summary>
    /// <param name="flip">Set to false where a mirrored image means something else, as with digits
    /// (<see cref="Dataset.MirrorKeepsClass"/>).</param>
    /// <exception cref="MiniDLException">The padding is negative.</exception>
    public static Augmentation PadCropFlip(int pad = 4, bool flip = true) => pad >= 0
        ? new Augmentation(pad, flip)
        : throw new MiniDLException($"[augmentation] padding {pad} is negative. Use 0 for none, 4 as for CIFAR.");

    /// <summary>The window of one image.</summary>
    internal Crop Draw(RandomStream random) => new(
        random.NextInt(2 * Pad + 1) - Pad,
        random.NextInt(2 * Pad + 1) - Pad,
        random.NextInt(2) == 1 && Flip);
}

/// <summary>
/// A window onto an image that goes on as zeros in all directions: as large as the image, shifted, perhaps mirrored.
/// </summary>
/// <param name="Top">The row of the image that becomes the window's first; negative lets zeros in from above.</param>
/// <param name="Left">The column of the image at the window's left edge, before mirroring.</param>
/// <param name="Flip">Whether the window is mirrored left to right.</param>
public readonly record struct Crop(int Top, int Left, bool Flip)
{
    /// <summary>The image as it is.</summary>
    public static Crop None => default;

    /// <summary>Writes the window channels last.</summary>
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
    /// The window's columns [First, End) that show the image, the image's column seen in the first of them, and the step from one
    /// to the next.
    /// </summary>
    internal (int First, int End, int Column, int Step) Columns(int width)
    {
        int first = Math.Max(0, Flip ? Left : -Left), end = Math.Min(width, Flip ? width + Left : width - Left);
        return Flip ? (first, end, Left + width - 1 - first, -1) : (first, end, Left + first, 1);
    }
}
