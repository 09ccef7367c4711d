using System.Globalization;

namespace MiniDL.Examples.Output;

/// <summary>
/// Progress where there are no bars, since the output is no terminal: a line soon after the beginning, then one every ten seconds, and in
/// long work every minute. Safe from several threads.
/// </summary>
/// <param name="total">What the amount done reaches at the end.</param>
/// <param name="write">Writes a line.</param>
internal sealed class ProgressLines(double total, Action<string> write, TimeProvider time)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(2), Usual = TimeSpan.FromSeconds(10), Rare = TimeSpan.FromMinutes(1),
        Long = TimeSpan.FromMinutes(3);

    private readonly Lock _gate = new();
    private readonly long _start = time.GetTimestamp();
    private TimeSpan _next = First;

    /// <param name="done">How much is done by now.</param>
    /// <param name="text">What is being done.</param>
    public void Report(double done, string text)
    {
        lock (_gate)
        {
            var elapsed = time.GetElapsedTime(_start);
            if (elapsed < _next) return;
            _next = elapsed + (elapsed < Long ? Usual : Rare);
            double share = total > 0 ? Math.Clamp(done / total, 0, 1) : 0;
            string left = share is > 0.005 and < 1 ? $", {Duration(elapsed.TotalSeconds * (1 - share) / share)} left" : "";
            write(string.Create(CultureInfo.InvariantCulture, $"{100 * share,3:F0} %{left}: {text}"));
        }
    }

    /// <summary>A time as one says it when it is a guess: <c>about 40 s</c>, <c>about 3 min</c>.</summary>
    internal static string Duration(double seconds) => seconds switch
    {
        < 10 => "a few seconds",
        < 95 => string.Create(CultureInfo.InvariantCulture, $"about {10 * Math.Round(seconds / 10):F0} s"),
        < 90 * 60 => string.Create(CultureInfo.InvariantCulture, $"about {Math.Round(seconds / 60):F0} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"about {seconds / 3600:F1} h"),
    };
}
