using System.Text.RegularExpressions;
using MiniDL.Examples.Output;
using Spectre.Console;

namespace MiniDL.Tests.Examples;

public sealed partial class ProgressTests
{
    [Fact]
    public void Lines_come_soon_then_every_ten_seconds_then_every_minute()
    {
        var clock = new Clock();
        List<double> times = [];
        var lines = new ProgressLines(600, _ => times.Add(clock.Seconds), clock);
        for (; clock.Seconds < 400; clock.Seconds += 0.5) lines.Report(clock.Seconds, "");
        Assert.Equal([2, 12, 22, 32], times.Take(4));
        Assert.Equal([182, 242, 302, 362], times.SkipWhile(time => time < 180));
    }

    [Fact]
    public void A_line_says_how_far_it_is_how_long_it_takes_and_what_is_done()
    {
        var clock = new Clock { Seconds = 0 };
        List<string> lines = [];
        var progress = new ProgressLines(200, lines.Add, clock);
        foreach (var (seconds, done) in new[] { (1, 5), (10.0, 0), (30, 50), (60, 150), (100, 200) })
        {
            clock.Seconds = seconds;
            progress.Report(done, $"at {done}");
        }
        Assert.Equal(["  0 %: at 0", " 25 %, about 90 s left: at 50", " 75 %, about 20 s left: at 150", "100 %: at 200"], lines);
    }

    [Theory]
    [InlineData(3, "a few seconds")]
    [InlineData(44, "about 40 s")]
    [InlineData(130, "about 2 min")]
    [InlineData(7200, "about 2.0 h")]
    public void A_guessed_time_is_round(double seconds, string text) => Assert.Equal(text, ProgressLines.Duration(seconds));

    [Fact]
    public void Work_whose_output_is_no_terminal_reports_in_lines_whether_in_one_part_or_in_several()
    {
        var clock = new Clock();
        using var output = new StringWriter();
        var terminal = new Terminal(output, TextWriter.Null, quiet: false, clock);
        terminal.WithProgress("loading", 10, report =>
        {
            report(1, "at once");
            clock.Seconds = 3;
            report(5, "half");
        });
        terminal.WithProgressOfParts("all", 10, bars =>
        {
            using var one = bars.Begin("one", 5);
            using var two = bars.Begin("two", 5);
            one.Report(2.5, "one begins");
            clock.Seconds = 6;
            two.Report(2.5, "two begins");
        });
        Assert.Equal(" 50 %, a few seconds left: half\n 50 %, a few seconds left: two begins\n", output.ToString());
    }

    [Fact]
    public void Lines_beside_results_go_to_the_error_stream_unless_quiet()
    {
        foreach (bool quiet in new[] { false, true })
        {
            var clock = new Clock();
            using var error = new StringWriter();
            var lines = new Terminal(TextWriter.Null, error, quiet, clock).LinesAside(4);
            clock.Seconds = 5;
            lines.Report(0, "bn");
            Assert.Equal(quiet ? "" : "  0 %: bn\n", error.ToString());
        }
    }

    [Theory]
    [InlineData(20)]
    [InlineData(40)]
    [InlineData(60)]
    [InlineData(80)]
    [InlineData(200)]
    public void Bars_stay_on_their_lines_in_a_terminal_of_any_width(int width)
    {
        using var text = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new Screen(text, width), Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes });
        console.Progress().AutoRefresh(false).Columns(NarrowColumns.For(console)).Start(context =>
        {
            var bars = new ProgressBars(context, "compare", 10);
            using var bar = bars.Begin("evonorm-s0, batch 128, seed 0", 10);
            bar.Report(5, "evonorm-s0, batch 128, seed 0  epoch 12  loss 1.234  error 45.6 %  12345 images/s [x]");
            context.Refresh();
        });
        string[] rows = [.. Escapes().Replace(text.ToString(), "").Split('\n', '\r')];
        Assert.All(rows, row => Assert.InRange(row.Length, 0, width));
        // A description that is broken into rows leaves rows without a percentage.
        Assert.All(rows.Where(row => row.Trim().Length > 0), row => Assert.Contains("%", row, StringComparison.Ordinal));
        Assert.Contains(rows, row => row.StartsWith("compare", StringComparison.Ordinal) && row.Contains("50%", StringComparison.Ordinal));
        Assert.Contains(rows, row => row.StartsWith(width < 40 ? "evonorm-" : "evonorm-s0, batch", StringComparison.Ordinal) && row.Contains("50%", StringComparison.Ordinal));
    }

    [Fact]
    public void A_line_that_holds_a_command_is_never_broken()
    {
        using var output = new StringWriter();
        new Terminal(output, TextWriter.Null, quiet: false).Line(new string('x', 300) + " y");
        Assert.Equal(new string('x', 300) + " y\n", output.ToString());
    }

    [GeneratedRegex(@"\e\[[0-9;?]*[A-Za-z]")]
    private static partial Regex Escapes();

    private sealed class Clock : TimeProvider
    {
        public double Seconds { get; set; }

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => (long)(Seconds * 1000);
    }

    private sealed class Screen(TextWriter writer, int width) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => true;

        public int Width => width;

        public int Height => 24;

        public void SetEncoding(System.Text.Encoding encoding)
        {
        }
    }
}
