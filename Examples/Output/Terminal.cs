using Spectre.Console;
using Spectre.Console.Rendering;

namespace MiniDL.Examples.Output;

/// <summary>What the user sees: lines, tables and a progress bar that is left out when the output is not a terminal.</summary>
internal sealed class Terminal
{
    private const int RedirectedWidth = 140;

    private readonly IAnsiConsole _console;
    private readonly bool _interactive;

    public Terminal(TextWriter output, TextWriter error, bool quiet)
    {
        (Results, Errors) = (output, error);
        _console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(quiet ? TextWriter.Null : output) });
        _interactive = _console.Profile.Out.IsTerminal && _console.Profile.Capabilities.Ansi;
        if (!_interactive) _console.Profile.Width = RedirectedWidth;
    }

    /// <summary>For output that other programs read, written whether quiet or not.</summary>
    public TextWriter Results { get; }

    /// <summary>For problems.</summary>
    public TextWriter Errors { get; }

    /// <summary>A line, however long: what is broken into several can neither be pasted into a shell nor searched for.</summary>
    public void Line(string text = "") => _console.Write(new WholeLine(text));

    public void Write(IRenderable renderable) => _console.Write(renderable);

    /// <summary>Does some work below a progress bar; lines may be written meanwhile.</summary>
    /// <param name="title">Stands before the bar until the work reports something.</param>
    /// <param name="total">What the amount done reaches at the end.</param>
    /// <param name="work">Gets a function that reports the amount done and what to show beside the bar.</param>
    public void WithProgress(string title, double total, Action<Action<double, string>> work)
    {
        if (!_interactive)
        {
            work((_, _) => { });
            return;
        }
        _console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var bar = context.AddTask(Markup.Escape(title), maxValue: Math.Max(total, double.Epsilon));
                work((done, text) =>
                {
                    bar.Value = done;
                    bar.Description = Markup.Escape(text);
                });
            });
    }

    /// <summary>Does work of which several parts are under way at once, below a bar for the whole and one for each of them.</summary>
    /// <param name="title">Stands before the bar of the whole.</param>
    /// <param name="total">The sum of what all parts report at their ends.</param>
    /// <param name="work">Gets the bars, which it may use from any thread.</param>
    public void WithProgressOfParts(string title, double total, Action<ProgressBars> work)
    {
        if (!_interactive)
        {
            work(new ProgressBars());
            return;
        }
        _console.Progress()
            .AutoClear(true)
            .HideCompleted(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context => work(new ProgressBars(context, title, total)));
    }

    private sealed class WholeLine(string text) : IRenderable
    {
        public Measurement Measure(RenderOptions options, int maxWidth) => new(text.Length, text.Length);

        public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) => [new Segment(text), Segment.LineBreak];
    }
}
