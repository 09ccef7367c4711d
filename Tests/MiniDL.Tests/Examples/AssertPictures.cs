using System.Buffers.Binary;
using System.Xml.Linq;

namespace MiniDL.Tests.Examples;

internal static class AssertPictures
{
    /// <summary>Checks that <c>path.png</c> and <c>path.svg</c> are pictures of the same figure with something in them.</summary>
    public static void ArePresent(string path, params string[] texts)
    {
        byte[] png = File.ReadAllBytes(path + ".png");
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], png[..4]);
        int width = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)), height = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20));
        Assert.InRange(png.Length, 20_000, 2_000_000);

        var svg = XDocument.Load(path + ".svg").Root!;
        Assert.Equal((width / 2, height / 2), ((int)svg.Attribute("width")!, (int)svg.Attribute("height")!));
        string[] shown = [.. svg.Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value.Trim())];
        foreach (string text in texts) Assert.Contains(shown, s => s.Contains(text, StringComparison.Ordinal));
        Assert.True(svg.Descendants().Count(e => e.Name.LocalName == "path") > 10);
    }
}
