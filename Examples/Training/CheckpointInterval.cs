using System.Globalization;
using System.Text.RegularExpressions;
using MiniDL.Examples.Output;

namespace MiniDL.Examples.Training;

/// <summary>How often a run saves: every so many epochs, or minutes.</summary>
/// <param name="Epochs">Null where it goes by the clock.</param>
/// <param name="Time">Null where it goes by epochs.</param>
internal readonly partial record struct CheckpointInterval(int? Epochs, TimeSpan? Time)
{
    /// <summary>Reads <c>2</c> or <c>5m</c>.</summary>
    /// <exception cref="UsageException">It is neither.</exception>
    public static CheckpointInterval Parse(string text)
    {
        if (Number().Match(text) is { Success: true } match)
        {
            bool inMinutes = match.Groups["unit"].Length > 0;
            string number = match.Groups["number"].Value;
            if (!inMinutes && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int epochs) && epochs >= 1)
                return new CheckpointInterval(epochs, null);
            if (inMinutes && double.Parse(number, CultureInfo.InvariantCulture) is > 0 and < 1e6 and var minutes)
                return new CheckpointInterval(null, TimeSpan.FromMinutes(minutes));
        }
        throw new UsageException($"--checkpoint-every {text} must be a whole number of epochs, 1 or more, or minutes, as 5m.");
    }

    [GeneratedRegex(@"^(?<number>[0-9]{1,9}(\.[0-9]{1,9})?) ?(?<unit>m|min|minutes?)?\z")]
    private static partial Regex Number();
}
