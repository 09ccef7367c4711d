namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>Copies a window of an image, with zeros where it extends past the edges, so that kernels need no bounds checks.</summary>
internal static unsafe class PaddedRows
{
    /// <summary>
    /// to[i, j, :] = image[firstRow + i, firstColumn + j, :], or 0 outside of the image, for <paramref name="rows"/> ×
    /// <paramref name="columns"/> pixels of <paramref name="channels"/> values.
    /// </summary>
    public static void Copy(float* image, int height, int width, int channels,
        int firstRow, int rows, int firstColumn, int columns, float* to)
    {
        int left = Math.Clamp(-firstColumn, 0, columns);
        int middle = Math.Max(0, Math.Min(width, firstColumn + columns) - Math.Max(0, firstColumn));
        int right = columns - left - middle;
        for (int i = 0; i < rows; i++, to += columns * channels)
        {
            int row = firstRow + i;
            var target = new Span<float>(to, columns * channels);
            if (row < 0 || row >= height || middle == 0)
            {
                target.Clear();
                continue;
            }
            target[..(left * channels)].Clear();
            new ReadOnlySpan<float>(image + (row * width + Math.Max(0, firstColumn)) * channels, middle * channels)
                .CopyTo(target[(left * channels)..]);
            target[^(right * channels)..].Clear();
        }
    }
}
