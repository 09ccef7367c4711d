namespace MiniDL.Backends.Cpu.Convolution;

/// <summary>
/// Images cut into rows of tiles, 4 pixels apart; a tile's window of <paramref name="window"/> × <paramref name="window"/> pixels
/// may extend past the edges of the image, where it reads zeros.
/// </summary>
internal readonly unsafe struct WinogradTiles(float* images, int height, int width, int channels, int padTop, int padLeft,
    int window, int tileRows, int tileColumns)
{
    private const int Tile = 4;

    private readonly float* _images = images;

    /// <summary>The window of the first tile of a row (counted over all images), and the step from one pixel row to the next.</summary>
    public float* Row(int tileRow, out int rowStep)
    {
        float* image = _images + (nint)(tileRow / tileRows) * height * width * channels;
        int first = tileRow % tileRows * Tile - padTop, columns = (tileColumns - 1) * Tile + window;
        if (first >= 0 && first + window <= height && padLeft == 0 && columns <= width)
        {
            rowStep = width * channels;
            return image + first * rowStep;
        }
        rowStep = columns * channels;
        float* copy = Scratch.Rent(ScratchUse.Image, window * rowStep);
        PaddedRows.Copy(image, height, width, channels, first, window, -padLeft, columns, copy);
        return copy;
    }
}
