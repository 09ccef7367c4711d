using System.Globalization;

namespace MiniDL.Examples.Output;

/// <summary>A number of things in words: <c>1 epoch</c>, <c>2,000 images</c>.</summary>
internal static class Counted
{
    /// <param name="one">What one of them is called.</param>
    /// <param name="many">What several are called, where it is not the same with an s.</param>
    public static string Of(long count, string one, string? many = null) =>
        string.Create(CultureInfo.InvariantCulture, $"{count:N0} {(count == 1 ? one : many ?? one + "s")}");
}
