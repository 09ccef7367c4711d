using System.Reflection;
using ScottPlot;
using SkiaSharp;

namespace MiniDL.Examples.Plots;

/// <summary>
/// The Inter typeface out of this assembly, so that figures look the same on every machine, also where no font is installed.
/// </summary>
internal sealed class EmbeddedFont : IFontResolver
{
    public const string Name = "Inter";

    private static readonly Lazy<SKTypeface> Regular = new(() => Load("Inter-Regular.ttf"));
    private static readonly Lazy<SKTypeface> SemiBold = new(() => Load("Inter-SemiBold.ttf"));

    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
        CreateTypeface(fontName, weight >= FontWeight.SemiBold, slant != FontSlant.Upright);

    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) =>
        fontName == Name ? (bold ? SemiBold : Regular).Value : null;

    private static SKTypeface Load(string resource)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)!;
        return SKTypeface.FromStream(stream);
    }
}
