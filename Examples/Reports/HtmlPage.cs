using System.Globalization;
using System.Net;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace MiniDL.Examples.Reports;

/// <summary>
/// A report as one HTML file that needs nothing else: styles, the plotting library (Reports/Page) and the charts' numbers
/// are inside.
/// </summary>
internal static partial class HtmlPage
{
    private const int LongTable = 12;

    private const string HowJudged = "A run agrees with a claim when every part of it holds by more than the noise, and contradicts it when one "
        + "part fails by more. Otherwise it is inconclusive: also when no net is clearly better than guessing, and on stand-in data. The noise "
        + "of a difference is twice its standard error, with several seeds by Student's t at 95 %.";

    public static void Write(Report report, Stream stream)
    {
        using var page = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
        page.WriteLine($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Html(report.Title)}</title>
            <style>
            {Resource("theme.css")}{Resource("page.css")}</style>
            </head>
            <body>
            <button id="theme" type="button" aria-label="light or dark page" title="light or dark page">◐</button>
            <main>
            <header>
            <h1>{Html(report.Title)}</h1>
            """);
        if (report.Paper is { } paper) page.WriteLine($"<p class=\"paper\">{Inline(paper)}</p>");
        page.WriteLine("</header>");
        foreach (string notice in report.Notices) page.WriteLine($"<p class=\"notice\" role=\"note\">{Inline(notice)}</p>");
        WriteText(page, report.Introduction);
        WriteFindings(page, report.Findings);
        foreach (var part in report.Parts)
        {
            if (part is SectionPart section) WriteSection(page, section);
            if (part is FigurePart figure) WriteFigure(page, figure);
            if (part is TablePart { Table.Hidden: false } table) WriteTable(page, table.Table);
        }
        WriteSettings(page, report);
        page.WriteLine("</main>");
        foreach (var chart in report.Figures.SelectMany(figure => figure.Panels))
            page.WriteLine($"<script type=\"application/json\" id=\"{Html(chart.Name)}-data\">{Json(chart)}</script>");
        page.WriteLine($"<script>{Resource("plotly-cartesian-4.1.1.min.js")}</script>");
        page.WriteLine($"<script>\n{Resource("page.js")}</script>\n</body>\n</html>");
    }

    private static void WriteFindings(TextWriter page, IReadOnlyList<Finding> findings)
    {
        if (findings.Count == 0) return;
        page.WriteLine("<section class=\"findings\">\n<h2>What it shows</h2>");
        foreach (var finding in findings)
        {
            string reason = finding.Reason.Length > 0 ? $"<dt>but</dt><dd>{Inline(finding.Reason)}</dd>" : "";
            page.WriteLine($"""
                <article class="finding {finding.Word}">
                <h3><span class="verdict">{finding.Word}</span> {Inline(finding.Claim)}</h3>
                <dl><dt>{finding.SourceWord}</dt><dd>{Inline(finding.Known)}</dd><dt>here</dt><dd>{Inline(finding.Ours)}</dd>{reason}</dl>
                </article>
                """);
        }
        page.WriteLine($"<p class=\"caption\">{Html(HowJudged)}</p>\n</section>");
    }

    private static void WriteSection(TextWriter page, SectionPart section)
    {
        page.WriteLine($"<h2>{Html(section.Heading)}</h2>");
        WriteText(page, section.Text);
    }

    private static void WriteText(TextWriter page, string text)
    {
        foreach (string paragraph in text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            page.WriteLine($"<p>{Inline(paragraph)}</p>");
    }

    private static void WriteFigure(TextWriter page, FigurePart figure)
    {
        page.WriteLine($"<div class=\"{(figure.Panels.Count > 1 ? "panels" : "single")}\">");
        foreach (var chart in figure.Panels)
        {
            page.WriteLine($"<figure>\n<h3>{Html(chart.Title)}</h3>\n<div class=\"chart\" id=\"{Html(chart.Name)}\"></div>");
            if (chart.Caption is { } caption) page.WriteLine($"<figcaption>{Inline(caption)}</figcaption>");
            page.WriteLine("</figure>");
        }
        page.WriteLine("</div>");
    }

    private static void WriteTable(TextWriter page, DataTable table)
    {
        if (table.Caption is { } caption) page.WriteLine($"<p class=\"caption\">{Inline(caption)}</p>");
        bool isLong = table.Rows.Count > LongTable;
        if (isLong) page.WriteLine($"<details><summary>{table.Rows.Count} rows, {Html(table.Name)}.csv</summary>");
        page.WriteLine("<div class=\"table\"><table>\n<thead><tr>");
        string[] formats = [.. table.Columns.Select((_, index) => ColumnFormat.Of(table.Rows.Select(row => row[index])))];
        foreach (var (index, column) in table.Columns.Index())
            page.WriteLine($"<th{Numeric(table.Rows.Select(row => row[index]))}>{Html(column.Replace('_', ' '))}</th>");
        page.WriteLine("</tr></thead>\n<tbody>");
        foreach (var row in table.Rows)
            page.WriteLine($"<tr>{string.Concat(row.Zip(formats, (cell, format) => $"<td{Numeric([cell])}>{Cell(cell, format)}</td>"))}</tr>");
        page.WriteLine("</tbody>\n</table></div>");
        if (isLong) page.WriteLine("</details>");
    }

    private static void WriteSettings(TextWriter page, Report report)
    {
        if (report.Settings.Count > 0)
        {
            page.WriteLine("<h2>Settings</h2>\n<div class=\"table\"><table class=\"settings\">");
            foreach (var (name, value) in report.Settings)
                page.WriteLine($"<tr><th>{Html(name)}</th><td>{Cell(value, ColumnFormat.Of([value]))}</td></tr>");
            page.WriteLine("</table></div>");
        }
        if (report.Commands.Count > 0) page.WriteLine("<h2>Repeat it</h2>");
        foreach (var (meaning, command) in report.Commands)
            page.WriteLine($"<p class=\"caption\">{Inline(meaning)}</p>\n<pre><code>{Html(command)}</code></pre>");
        string files = string.Join(", ",
            [.. report.Tables.Select(table => table.Name + ".csv"), .. report.Figures.Select(figure => figure.Name + ".png")]);
        page.WriteLine($"<footer>The numbers and pictures are also in {Html(files)} (and .svg) beside this page.</footer>");
    }

    /// <summary>A number for the eye; all its digits when the mouse rests on it.</summary>
    private static string Cell(object cell, string format) => cell switch
    {
        int or long => FormattableString.Invariant($"{cell:N0}"),
        double number => $"<span title=\"{DataTable.Text(number)}\">{number.ToString(format, CultureInfo.InvariantCulture)}</span>",
        _ => Html(DataTable.Text(cell)),
    };

    /// <summary>Numbers stand on the right, and the heads of their columns with them.</summary>
    private static string Numeric(IEnumerable<object> cells) => cells.All(cell => cell is string) ? "" : " class=\"number\"";

    private static string Html(string text) => WebUtility.HtmlEncode(text);

    /// <summary>A text with code in backquotes and papers as links.</summary>
    private static string Inline(string text) =>
        Arxiv().Replace(Code().Replace(Html(text), "<code>$1</code>"), "<a href=\"https://arxiv.org/abs/$1\">arXiv:$1</a>");

    // The serializer escapes <, > and &, so no text can end the script that holds it.
    private static string Json(Chart chart) => PlotlyFigure.Of(chart).ToJsonString(JsonSerializerOptions.Default);

    private static string Resource(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"arXiv:(\d{4}\.\d{4,5})")]
    private static partial Regex Arxiv();
}
