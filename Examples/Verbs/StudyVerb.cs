using System.Diagnostics;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Examples.Reports;
using MiniDL.Examples.Studies;
using Spectre.Console;

namespace MiniDL.Examples.Verbs;

/// <summary><c>study</c>: lists the experiments, or runs one and saves its report.</summary>
internal sealed class StudyVerb(StudyOptions options, Terminal terminal)
{
    public int Run(CancellationToken stop)
    {
        if (options.Study is not { } name) List();
        else Run(StudyTable.Find(name)!, stop);
        return 0;
    }

    private ulong Seed => options.Seed ?? 0;

    private string Precision => options.Precision ?? "tf32";

    private void List()
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns("study", "what it asks", "data");
        foreach (var study in StudyTable.All)
            table.AddRow(Markup.Escape(study.Name), Markup.Escape(study.Title), Markup.Escape(study.DataNote));
        terminal.Write(table);
        terminal.Line($"{HelpPage.Call} study NAME runs one.");
    }

    private void Run(Study study, CancellationToken stop)
    {
        var device = Device.Named(options.Device ?? "cpu");
        device.Precision = Enum.Parse<Precision>(Precision, ignoreCase: true);
        var folder = RunFolder.Create(options.Out, $"study-{study.Name}");
        var size = options.Full ? StudySize.Full : options.Smallest ? StudySize.Smallest : StudySize.Preset;
        terminal.Line($"{study.Name}: {study.Title}; {Counted.Of(Cpu.Threads, "thread")}; into {folder.Path}");
        var clock = Stopwatch.StartNew();
        Report? report = null;
        terminal.WithProgress(study.Name, 1, progress =>
        {
            var context = new StudyContext(size, Seed, terminal, stop)
            {
                Device = device,
                DataDirectory = options.DataDirectory ?? "data",
                Report = (done, text) => progress(done, text),
            };
            report = study.Run(context);
            Describe(report, study, context);
        });
        report!.Save(folder.Path);
        foreach (var finding in report.Findings)
            terminal.Line($"{finding.Verdict,-12} {finding.Claim}: paper {finding.Paper}; here {finding.Ours}");
        terminal.Line($"{clock.Elapsed.TotalSeconds:F1} s; the page: {folder.File("report.html")}; "
            + $"{Counted.Of(report.Figures.Count(), "picture")} (.png, .svg) and {Counted.Of(report.Tables.Count(), "table")} (.csv) beside it");
    }

    /// <summary>Adds to the report what is the same for all studies.</summary>
    private void Describe(Report report, Study study, StudyContext context)
    {
        report.Paper ??= study.Paper;
        foreach (string data in context.DataUsed) report.Setting("data", data);
        report.Setting("size", context.Size switch
        {
            StudySize.Full => "full: the paper's settings, where they can be had",
            StudySize.Preset => "preset: within two minutes on two cores",
            _ => "smallest: to see that it runs; the numbers mean little",
        });
        report.Setting("seed", Seed.ToString());
        report.Setting("made with", $"MiniDL {typeof(Tensor).Assembly.GetName().Version!.ToString(3)}, "
            + $"{DateTime.Now:yyyy-MM-dd}");
        if (context.Device.Name == "cuda") report.Setting("device", $"{context.Device.Backend.Description}, {Precision}");
        report.Command("This page:", options.CommandLine(options.Full, options.Smallest).ToString());
        if (!options.Full) report.Command("With the paper's settings, where they can be had:", options.CommandLine(full: true, smallest: false).ToString());
    }
}
