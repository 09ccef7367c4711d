using MiniDL.Examples.Plots;
using MiniDL.Serialization;

namespace MiniDL.Examples.Reports;

/// <summary>
/// What an experiment has to say: findings, charts, tables and text in the order in which they were added, the settings, and
/// how to repeat it. <see cref="Save"/> leaves <c>report.html</c>, for every chart <c>NAME.png</c> and <c>NAME.svg</c>, for
/// every table <c>NAME.csv</c>.
/// </summary>
/// <remarks>In texts, `backquotes` mark code, arXiv:1502.03167 becomes a link, and an empty line ends a paragraph.</remarks>
internal sealed class Report(string title)
{
    private readonly List<ReportPart> _parts = [];
    private readonly List<Finding> _findings = [];
    private readonly List<string> _notices = [];
    private readonly List<(string Name, object Value)> _settings = [];
    private readonly List<(string Meaning, string Command)> _commands = [];

    public string Title { get; } = title;

    /// <summary>The question, what was done, and which choices the paper left open.</summary>
    public string Introduction { get; set; } = "";

    /// <summary>Where the experiment comes from: authors, year, title, figure.</summary>
    public string? Paper { get; set; }

    /// <summary>What must be known before anything else is read: on top of the page.</summary>
    public IReadOnlyList<string> Notices => _notices;

    public IReadOnlyList<ReportPart> Parts => _parts;

    public IReadOnlyList<Finding> Findings => _findings;

    public IReadOnlyList<(string Name, object Value)> Settings => _settings;

    public IReadOnlyList<(string Meaning, string Command)> Commands => _commands;

    public IEnumerable<FigurePart> Figures => _parts.OfType<FigurePart>();

    public IEnumerable<DataTable> Tables => _parts.OfType<TablePart>().Select(part => part.Table);

    public void Add(Finding finding) => _findings.Add(finding);

    public void Notice(string text) => _notices.Add(text);

    /// <summary>Leaves the findings that rest on something without a verdict; what they measured stays.</summary>
    /// <param name="reason">Why this run must not judge.</param>
    public void Withhold(string reason, params IReadOnlyList<Basis> bases)
    {
        for (int i = 0; i < _findings.Count; i++)
            if (bases.Contains(_findings[i].Basis)) _findings[i] = _findings[i] with { Withheld = reason };
    }

    public void Add(Chart chart) => _parts.Add(new FigurePart(chart.Name, [chart], 1));

    /// <summary>Several charts as one picture: a panel each, so many side by side.</summary>
    public void AddPanels(string name, IReadOnlyList<Chart> panels, int columns = 2) =>
        _parts.Add(new FigurePart(name, panels, Math.Min(columns, panels.Count)));

    public void Add(DataTable table) => _parts.Add(new TablePart(table));

    /// <summary>A heading and what is said below it.</summary>
    public void Section(string heading, string text = "") => _parts.Add(new SectionPart(heading, text));

    /// <summary>Something that the result depends on.</summary>
    public void Setting(string name, object value) => _settings.Add((name, value));

    /// <summary>A command line that repeats the experiment or goes on with it.</summary>
    public void Command(string meaning, string command) => _commands.Add((meaning, command));

    /// <summary>Writes everything into a folder, which must exist.</summary>
    public void Save(string folder)
    {
        foreach (var table in Tables) table.Save(folder);
        foreach (var figure in Figures) ChartPicture.Save(Path.Combine(folder, figure.Name), figure);
        AtomicFile.Write(Path.Combine(folder, "report.html"), stream => HtmlPage.Write(this, stream));
    }
}

/// <summary>A part of a report.</summary>
internal abstract record ReportPart;

internal sealed record SectionPart(string Heading, string Text) : ReportPart;

/// <summary>One or more charts that are one picture.</summary>
/// <param name="Name">The picture's file name, without the ending.</param>
/// <param name="Columns">How many panels stand side by side.</param>
internal sealed record FigurePart(string Name, IReadOnlyList<Chart> Panels, int Columns) : ReportPart;

internal sealed record TablePart(DataTable Table) : ReportPart;
