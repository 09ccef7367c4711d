namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// Images cut into rows of tiles, 4 pixels apart; a tile's window of <paramref name="window"/> × <paramref name="window"/> pixels
/// may extend past the edges of the image, where it reads zeros.
/// </summary>
/// <param name="zeros">Stands in for rows outside the image: <see cref="RowLength"/> zeros.</param>
internal readonly unsafe struct WinogradTiles(float* images, int height, int width, int channels, int padTop, int padLeft,
    int window, int tileRows, int tileColumns, float* zeros)
{
    private readonly float* _images = images, _zeros = zeros;

    /// <summary>Channels of a pixel.</summary>
    public int Channels => channels;

    /// <summary>Rows of tiles in an image, tiles in a row.</summary>
    public int Rows => tileRows;

    /// <inheritdoc cref="Rows"/>
    public int Columns => tileColumns;

    /// <summary>The distance between two tiles of a row.</summary>
    public int Step => WinogradPoints.Outputs * channels;

    /// <summary>How many values the windows of a row of tiles take up in a row of pixels.</summary>
    public static int RowLength(int tileColumns, int window, int channels) => ((tileColumns - 1) * WinogradPoints.Outputs + window) * channels;

    /// <summary>Where the window of the first tile of a row (counted over all images) has each of its rows of pixels.</summary>
    public void PixelRows(int tileRow, float** pixels)
    {
        float* image = _images + (nint)(tileRow / tileRows) * height * width * channels;
        int first = FirstPixelRow(tileRow);
        for (int i = 0; i < window; i++)
            pixels[i] = first + i >= 0 && first + i < height ? image + ((nint)(first + i) * width - padLeft) * channels : _zeros;
    }

    /// <summary>The same for several rows of tiles, one after the other.</summary>
    public void PixelRows(int firstRow, int rows, float** pixels)
    {
        for (int row = 0; row < rows; row++) PixelRows(firstRow + row, pixels + row * window);
    }

    /// <summary>The same for pixels that are normalized first, into scratch memory: valid until this thread rents an image again.</summary>
    /// <param name="norm">Null to read the pixels as they are.</param>
    public void PixelRows<V>(InputNorm<V>? norm, int firstRow, int rows, float** pixels) where V : unmanaged, ISimd<V>
    {
        if (norm is null)
        {
            PixelRows(firstRow, rows, pixels);
            return;
        }
        // Rows of pixels counted over all images follow each other without gaps, as their windows overlap.
        int last = firstRow + rows - 1, row = width * channels;
        int first = firstRow / tileRows * height + Math.Max(0, FirstPixelRow(firstRow));
        int end = last / tileRows * height + Math.Min(height, FirstPixelRow(last) + window);
        float* to = Scratch.Rent(ScratchUse.Image, (end - first) * row) - (nint)first * row;
        for (int next = first, image; next < end; next = Math.Min(end, (image + 1) * height))
        {
            image = next / height;
            norm.Run(image, _images + (nint)next * row, (Math.Min(end, (image + 1) * height) - next) * row, to + (nint)next * row);
        }
        new WinogradTiles(to, height, width, channels, padTop, padLeft, window, tileRows, tileColumns, _zeros).PixelRows(firstRow, rows, pixels);
    }

    /// <summary>The first row of pixels that only this row of tiles and later ones compute with, but for those that windows share.</summary>
    public float* Pixels(int tileRow) =>
        _images + ((nint)(tileRow / tileRows) * height + Math.Min(height, tileRow % tileRows * WinogradPoints.Outputs)) * width * channels;

    private int FirstPixelRow(int tileRow) => tileRow % tileRows * WinogradPoints.Outputs - padTop;

    /// <summary>The columns of a tile's window that are inside the image, the end exclusive.</summary>
    public (int From, int To) Inside(int tileColumn)
    {
        int first = tileColumn * WinogradPoints.Outputs - padLeft;
        return (Math.Max(0, -first), Math.Min(window, width - first));
    }
}
