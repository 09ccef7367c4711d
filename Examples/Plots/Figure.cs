using System.Text;
using MiniDL.Serialization;
using ScottPlot;
using SkiaSharp;

namespace MiniDL.Examples.Plots;

/// <summary>One or more plots side by side, saved as PNG (at twice the size, for sharp print) and as SVG.</summary>
internal sealed class Figure(int panelWidth, int height, int columns = int.MaxValue)
{
    private const int PngScale = 2, Margin = 8;
    private const string SvgFonts = "Inter, 'Helvetica Neue', Arial, sans-serif";

    private readonly List<Plot> _panels = [];

    private int Columns => Math.Min(columns, _panels.Count);

    private int Rows => (_panels.Count + Columns - 1) / Columns;

    public Plot AddPanel()
    {
        var plot = Style.NewPlot();
        _panels.Add(plot);
        return plot;
    }

    /// <summary>Writes <c>path.png</c> and <c>path.svg</c>.</summary>
    public void Save(string path)
    {
        AtomicFile.Write(path + ".png", SavePng);
        AtomicFile.Write(path + ".svg", SaveSvg);
    }

    private void SavePng(Stream file)
    {
        using var surface = SKSurface.Create(new SKImageInfo(panelWidth * Columns * PngScale, height * Rows * PngScale));
        surface.Canvas.Scale(PngScale);
        Draw(surface.Canvas);
        using var image = surface.Snapshot();
        using var data = image.Encode(SKEncodedImageFormat.Png, 100);
        data.SaveTo(file);
    }

    private void SaveSvg(Stream file)
    {
        using var memory = new MemoryStream();
        using (var canvas = SKSvgCanvas.Create(SKRect.Create(panelWidth * Columns, height * Rows), memory)) Draw(canvas);
        string svg = Encoding.UTF8.GetString(memory.ToArray());
        string withFonts = svg.Replace("font-family=\"Inter\"", $"font-family=\"{SvgFonts}\"", StringComparison.Ordinal);
        file.Write(Encoding.UTF8.GetBytes(withFonts));
    }

    private void Draw(SKCanvas canvas)
    {
        canvas.Clear(SKColors.White);
        for (int i = 0; i < _panels.Count; i++)
        {
            int left = i % Columns * panelWidth, top = i / Columns * height;
            var cell = new PixelRect(left, left + panelWidth, top + height, top);
            _panels[i].Render(canvas, cell.Contract(Margin));
        }
    }
}
