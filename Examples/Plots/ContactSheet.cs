using MiniDL.Data;
using MiniDL.Serialization;
using SkiaSharp;

namespace MiniDL.Examples.Plots;

/// <summary>The first images of every class of a dataset in one PNG, a row a class.</summary>
internal static class ContactSheet
{
    private const int Cell = 66, Label = 150, Margin = 16, RowsPerColumn = 25, Gap = 2;

    public static void Save(string path, ImageDataset data)
    {
        int perClass = data.Classes > RowsPerColumn ? 5 : 10;
        int columns = (data.Classes + RowsPerColumn - 1) / RowsPerColumn, rows = Math.Min(data.Classes, RowsPerColumn);
        int columnWidth = Label + perClass * Cell + Margin;
        using var surface = SKSurface.Create(new SKImageInfo(columns * columnWidth + Margin, rows * Cell + 2 * Margin));
        surface.Canvas.Clear(SKColors.White);
        using var font = new SKFont(new EmbeddedFont().CreateTypeface(EmbeddedFont.Name, bold: false, italic: false), 17);
        using var ink = new SKPaint { Color = SKColor.Parse("#222222"), IsAntialias = true };
        for (int c = 0; c < data.Classes; c++)
        {
            int left = Margin + c / RowsPerColumn * columnWidth, top = Margin + c % RowsPerColumn * Cell;
            surface.Canvas.DrawText(data.ClassNames[c], left, top + Cell / 2f + 6, font, ink);
            foreach (var (place, index) in OfClass(data, c).Take(perClass).Index())
            {
                using var image = ToBitmap(data, index);
                surface.Canvas.DrawBitmap(image, SKRect.Create(left + Label + place * Cell, top, Cell - Gap, Cell - Gap));
            }
        }
        using var snapshot = surface.Snapshot();
        using var png = snapshot.Encode(SKEncodedImageFormat.Png, 100);
        AtomicFile.Write(path, png.SaveTo);
    }

    private static IEnumerable<int> OfClass(ImageDataset data, int label) =>
        Enumerable.Range(0, data.Count).Where(index => data.Label(index) == label);

    private static SKBitmap ToBitmap(ImageDataset data, int index)
    {
        var (channels, height, width) = (data.InputShape[0], data.InputShape[1], data.InputShape[2]);
        var pixels = data.Pixels(index);
        var bitmap = new SKBitmap(width, height);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
            {
                int at = y * width + x, plane = channels == 1 ? 0 : height * width;
                bitmap.SetPixel(x, y, new SKColor(pixels[at], pixels[at + plane], pixels[at + 2 * plane]));
            }
        return bitmap;
    }
}
