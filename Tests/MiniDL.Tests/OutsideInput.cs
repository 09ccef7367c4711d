using System.Globalization;

namespace MiniDL.Tests;

/// <summary>What must hold whatever comes from outside.</summary>
internal static class OutsideInput
{
    /// <summary>Texts that must not get into a message as they are.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "\u001b[31mred\u001b]0;title\a", "a\r\nb", "\u009b31m", "\u202eevil\u2066", "\u2028", new('x', 1_000_000), new('\u001b', 1_000_000),
    ];

    /// <summary>A message may be shown on a terminal: one line, not too long, nothing that the terminal would act on.</summary>
    public static string AssertMessage(string message)
    {
        Assert.InRange(message.Length, 10, Quote.MaxLine);
        Assert.DoesNotContain(message, c => char.GetUnicodeCategory(c)
            is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
        return message;
    }

    /// <summary>The message of the error with which an action ends.</summary>
    public static string ErrorOf(Action read) => AssertMessage(Assert.ThrowsAny<MiniDLException>(read).Message);

    /// <summary>Reads a file, or refuses it, without taking much more memory than it has bytes.</summary>
    public static void AssertMemory(long fileBytes, Action read)
    {
        const long free = 1 << 20;
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            read();
        }
        catch (MiniDLException)
        {
            // Refused: what that took counts too.
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 * fileBytes + free);
    }
}
