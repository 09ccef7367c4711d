namespace MiniDL.Examples;

/// <summary>What the program's exit code says.</summary>
internal static class ExitCodes
{
    /// <summary>It was called wrongly.</summary>
    public const int Usage = 2;

    /// <summary>It failed; a line on the error stream says why.</summary>
    public const int Failed = 1;

    /// <summary>Stopped by a signal and, where there is something to go on with, saved. By Ctrl-C: 128 + SIGINT.</summary>
    public const int Stopped = 130;
}
