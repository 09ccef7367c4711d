using Spectre.Console;

namespace MiniDL.Examples.Output;

/// <summary>A progress bar for the whole of some work, and one for each part of it that is under way; safe from several threads.</summary>
internal sealed class ProgressBars
{
    private readonly ProgressContext? _context;
    private readonly ProgressTask? _whole;

    /// <summary>Bars that nobody sees.</summary>
    public ProgressBars()
    {
    }

    public ProgressBars(ProgressContext context, string title, double total) =>
        (_context, _whole) = (context, context.AddTask(Markup.Escape(title), maxValue: Math.Max(total, double.Epsilon)));

    /// <summary>Adds a bar for a part, until it is disposed.</summary>
    public Part Begin(string title, double total) =>
        new(_whole, _context?.AddTask(Markup.Escape(title), maxValue: Math.Max(total, double.Epsilon)));

    public sealed class Part(ProgressTask? whole, ProgressTask? part) : IDisposable
    {
        /// <param name="done">How much of the part is done by now.</param>
        /// <param name="text">Shown before its bar.</param>
        public void Report(double done, string text)
        {
            if (whole is null || part is null) return;
            whole.Increment(done - part.Value);
            part.Value = done;
            part.Description = Markup.Escape(text);
        }

        public void Dispose() => part?.StopTask();
    }
}
