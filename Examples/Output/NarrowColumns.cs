using Spectre.Console;
using Spectre.Console.Rendering;

namespace MiniDL.Examples.Output;

/// <summary>The columns of progress bars, each of which stays on one line however narrow the terminal is.</summary>
internal static class NarrowColumns
{
    /// <summary>The width of <c>100%</c> with its margin, and of <c>00:01:23</c> with its own.</summary>
    private const int Percentage = 5, Remaining = 9;

    /// <summary>Description, bar, percentage and time; the bar and the time only where there is room for them.</summary>
    public static ProgressColumn[] For(IAnsiConsole console)
    {
        int width = console.Profile.Width;
        bool hasTime = width >= 40, hasBar = width >= 60;
        int bar = hasBar ? Math.Clamp(width / 4, 10, 40) : 0;
        int left = width - Percentage - (hasTime ? Remaining : 0) - (hasBar ? bar + 1 : 0) - 1;
        List<ProgressColumn> columns = [new Description(Math.Max(left, 5))];
        if (hasBar) columns.Add(new ProgressBarColumn { Width = bar });
        columns.Add(new PercentageColumn());
        if (hasTime) columns.Add(new RemainingTimeColumn());
        return [.. columns];
    }

    /// <summary>The description as far as there is room.</summary>
    private sealed class Description(int width) : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime)
        {
            string text = Markup.Remove(task.Description);
            return new Text(text.Length <= width ? text : text[..(width - 1)] + "…");
        }

        public override int? GetColumnWidth(RenderOptions options) => null;
    }
}
