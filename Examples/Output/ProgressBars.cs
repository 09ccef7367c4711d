using Spectre.Console;

namespace MiniDL.Examples.Output;

/// <summary>
/// A progress bar for the whole of some work, and one for each part of it that is under way; lines now and then where the output is no
/// terminal. Safe from several threads.
/// </summary>
internal sealed class ProgressBars
{
    private readonly Lock _gate = new();
    private readonly ProgressContext? _context;
    private readonly ProgressTask? _whole;
    private readonly ProgressLines? _lines;
    private double _done;

    public ProgressBars(ProgressLines lines) => _lines = lines;

    public ProgressBars(ProgressContext context, string title, double total) =>
        (_context, _whole) = (context, context.AddTask(Markup.Escape(title), maxValue: Math.Max(total, double.Epsilon)));

    /// <summary>Adds a bar for a part, until it is disposed.</summary>
    public Part Begin(string title, double total) =>
        new(this, _context?.AddTask(Markup.Escape(title), maxValue: Math.Max(total, double.Epsilon)));

    private void Add(double done, string text)
    {
        lock (_gate)
        {
            _done += done;
            _lines?.Report(_done, text);
        }
        _whole?.Increment(done);
    }

    public sealed class Part(ProgressBars all, ProgressTask? bar) : IDisposable
    {
        private double _done;

        /// <param name="done">How much of the part is done by now.</param>
        /// <param name="text">Shown before its bar.</param>
        public void Report(double done, string text)
        {
            all.Add(done - _done, text);
            _done = done;
            if (bar is null) return;
            bar.Value = done;
            bar.Description = Markup.Escape(text);
        }

        public void Dispose() => bar?.StopTask();
    }
}
