using System.Globalization;

namespace MiniDL.Diagnostics;

/// <summary>Numbers of bytes as people read them.</summary>
internal static class ByteText
{
    /// <summary><c>96 B</c>, <c>1.5 kB</c>, <c>2.25 MB</c>, with factors of 1,000.</summary>
    public static string Of(long bytes) => bytes switch
    {
        < 1_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:G3} kB"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:G3} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:G3} GB"),
    };
}
