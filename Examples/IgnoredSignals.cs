using System.Globalization;

namespace MiniDL.Examples;

/// <summary>Which signals this process was started to ignore, as <c>nohup</c> does with the hangup.</summary>
internal static class IgnoredSignals
{
    private const string Status = "/proc/self/status", Line = "SigIgn:";

    /// <summary>Whether a signal is ignored; where the system does not say (macOS), none is.</summary>
    /// <param name="signal">Its number, from 1.</param>
    public static bool Contains(int signal)
    {
        if (!File.Exists(Status)) return false;
        string mask = File.ReadLines(Status).First(line => line.StartsWith(Line, StringComparison.Ordinal))[Line.Length..].Trim();
        return (ulong.Parse(mask, NumberStyles.HexNumber, CultureInfo.InvariantCulture) >> (signal - 1) & 1) != 0;
    }
}
