using System.Globalization;
using MiniDL.Examples.Output;
using MiniDL.Examples.Training;

namespace MiniDL.Examples.Options;

/// <summary>Reads options that are lists: <c>2,4,8</c>.</summary>
internal static class ListOption
{
    public static string[] Names(string option, string text)
    {
        var names = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct().ToArray();
        return names.Length > 0 ? names : throw new UsageException($"--{option} is an empty list.");
    }

    /// <summary>fp32, tf32 and bf16.</summary>
    public static Precision[] Precisions(string text) => Names("precision", text)
        .Select(item => DeviceChoice.Precisions.Contains(item) ? DeviceChoice.Precision(item)
            : throw new UsageException($"--precision {Quote.Text(item)} must be fp32, tf32 or bf16.{DidYouMean.Among(item, DeviceChoice.Precisions)}"))
        .ToArray();

    public static int[] Counts(string option, string text) => Names(option, text)
        .Select(item => !item.StartsWith('0') && int.TryParse(item, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count >= 1
            ? count
            : throw new UsageException($"--{option} {Quote.Text(text)}: '{Quote.Text(item)}' is not a whole number above 0; commas stand between the items, not in them."))
        .ToArray();
}
