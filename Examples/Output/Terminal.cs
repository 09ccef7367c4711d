using Spectre.Console;
using Spectre.Console.Rendering;

namespace MiniDL.Examples.Output;

/// <summary>What the user sees: lines, tables and progress, as bars on a terminal and as a line now and then elsewhere.</summary>
internal sealed class Terminal
{
    private const int RedirectedWidth = 140;

    private readonly IAnsiConsole _console, _results;
    private readonly TimeProvider _time;
    private bool _hasBars;

    public Terminal(TextWriter output, TextWriter error, bool quiet, TimeProvider? time = null)
    {
        (Results, Errors, _time) = (output, error, time ?? TimeProvider.System);
        _results = Console(output);
        _console = quiet ? Console(TextWriter.Null) : _results;
    }

    /// <summary>For output that other programs read, written whether quiet or not.</summary>
    public TextWriter Results { get; }

    /// <summary>For problems.</summary>
    public TextWriter Errors { get; }

    /// <summary>Whether there can be bars that move.</summary>
    public bool IsInteractive => _console.Profile.Out.IsTerminal && _console.Profile.Capabilities.Ansi;

    /// <summary>
    /// A line. On a narrow terminal it is broken at spaces, unless it holds a command: what is broken can neither be pasted into a shell nor
    /// be searched for in a file.
    /// </summary>
    public void Line(string text = "") =>
        _console.Write(new Rows(Quote.Visible(text), IsInteractive, wrapped: IsInteractive && !text.Contains(HelpPage.Call, StringComparison.Ordinal)));

    public void Write(IRenderable renderable) => _console.Write(renderable);

    /// <summary>Writes what was asked for, whether quiet or not.</summary>
    public void WriteResult(IRenderable renderable) => _results.Write(renderable);

    /// <summary>Does some work below a progress bar; lines may be written meanwhile, and work in it may have progress of its own.</summary>
    /// <param name="title">Stands before the bar until the work reports something.</param>
    /// <param name="total">What the amount done reaches at the end.</param>
    /// <param name="work">Gets a function that reports the amount done and what to show beside the bar.</param>
    public void WithProgress(string title, double total, Action<Action<double, string>> work)
    {
        if (_hasBars) work((_, _) => { });
        else if (!IsInteractive) work(new ProgressLines(total, Line, _time).Report);
        else Bars(context =>
        {
            var bar = context.AddTask(Markup.Escape(title), maxValue: Math.Max(total, double.Epsilon));
            work((done, text) =>
            {
                bar.Value = done;
                bar.Description = Markup.Escape(Quote.Visible(text));
            });
        });
    }

    /// <summary>Does work of which several parts are under way at once, below a bar for the whole and one for each of them.</summary>
    /// <param name="title">Stands before the bar of the whole.</param>
    /// <param name="total">The sum of what all parts report at their ends.</param>
    /// <param name="work">Gets the bars, which it may use from any thread.</param>
    public void WithProgressOfParts(string title, double total, Action<ProgressBars> work)
    {
        if (!IsInteractive) work(new ProgressBars(new ProgressLines(total, Line, _time)));
        else Bars(context => work(new ProgressBars(context, title, total)));
    }

    /// <summary>A line beside results that other programs read from the output: on the error stream.</summary>
    public void LineAside(string text)
    {
        if (ReferenceEquals(_console, _results)) Errors.WriteLine(Quote.Visible(text));
    }

    /// <summary>Progress of work whose results other programs read from the output: lines beside them, on the error stream.</summary>
    public ProgressLines LinesAside(double total) => new(total, ReferenceEquals(_console, _results) ? Errors.WriteLine : _ => { }, _time);

    private void Bars(Action<ProgressContext> work)
    {
        _hasBars = true;
        try
        {
            _console.Progress().AutoClear(true).HideCompleted(true).Columns(NarrowColumns.For(_console)).Start(work);
        }
        finally
        {
            _hasBars = false;
        }
    }

    private static IAnsiConsole Console(TextWriter output)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        if (!console.Profile.Out.IsTerminal || !console.Profile.Capabilities.Ansi) console.Profile.Width = RedirectedWidth;
        return console;
    }

    /// <summary>Rows broken at spaces, if at all, whose ends leave nothing of bars that stood there.</summary>
    private sealed class Rows(string text, bool overBars, bool wrapped) : IRenderable
    {
        public Measurement Measure(RenderOptions options, int maxWidth) => new(text.Length, text.Length);

        public IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
        {
            for (string rest = text; ;)
            {
                int space = wrapped && rest.Length > maxWidth ? rest.LastIndexOf(' ', maxWidth) : -1;
                yield return new Segment(space > 0 ? rest[..space] : rest);
                if (overBars) yield return Segment.Control("\u001b[K");
                yield return Segment.LineBreak;
                if (space <= 0) yield break;
                rest = rest[(space + 1)..];
            }
        }
    }
}
