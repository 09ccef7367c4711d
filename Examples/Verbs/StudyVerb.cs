using System.Diagnostics;
using MiniDL.Examples.Options;
using MiniDL.Examples.Output;
using MiniDL.Examples.Reports;
using MiniDL.Examples.Studies;
using MiniDL.Examples.Training;
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
        var device = DeviceChoice.Open(options.Device ?? "cpu", options.Precision ?? new TrainSettings().Precision);
        using var folder = RunFolder.Create(options.Out, $"study-{study.Name}");
        bool overwrites = Claim(folder, study);
        var size = options.Full ? StudySize.Full : options.Smallest ? StudySize.Smallest : StudySize.Preset;
        terminal.Line($"{study.Name}: {study.Title}; {Counted.Of(CpuThreads.Count, "thread")}; into {folder.Path}");
        if (overwrites) terminal.Line("the results of an earlier run in it are overwritten");
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
        folder.RequireStillThere();
        report!.Save(folder.Path);
        foreach (var finding in report.Findings) terminal.Line($"{finding}");
        terminal.Line($"{clock.Elapsed.TotalSeconds:F1} s; the page: {folder.File("report.html")}; "
            + $"{Counted.Of(report.Figures.Count(), "picture")} (.png, .svg) and {Counted.Of(report.Tables.Count(), "table")} (.csv) beside it");
    }

    /// <summary>Sees that nothing of another kind is in the folder, and says in its config.json whose it is now.</summary>
    /// <returns>Whether results of this study are there already.</returns>
    private bool Claim(RunFolder folder, Study study)
    {
        string kind = $"study {study.Name}";
        string[] foreign = [.. Directory.EnumerateFiles(folder.Path).Select(Path.GetFileName).OfType<string>()
            .Where(name => Path.GetExtension(name) is ".html" or ".csv" or ".png" or ".svg")];
        folder.RequireFree(kind, foreign);
        bool overwrites = foreign.Length > 0;
        folder.WriteConfig(kind, new StudySettings(options.Full, options.Smallest, Seed, options.Device ?? "cpu"));
        return overwrites;
    }

    private sealed record StudySettings(bool Full, bool Smallest, ulong Seed, string Device);

    /// <summary>Adds to the report what is the same for all studies.</summary>
    private void Describe(Report report, Study study, StudyContext context)
    {
        report.Paper ??= study.Paper;
        WithholdVerdicts(report, context);
        foreach (string data in context.DataUsed) report.Setting("data", data);
        report.Setting("size", context.Size switch
        {
            StudySize.Full => "full: the paper's settings, where they can be had",
            StudySize.Preset => "preset: within three minutes on two cores",
            _ => "smallest: to see that it runs; the numbers mean little",
        });
        report.Setting("seed", Seed.ToString());
        report.Setting("made with", $"MiniDL {typeof(Tensor).Assembly.GetName().Version!.ToString(3)}, "
            + $"{DateTime.Now:yyyy-MM-dd}");
        if (context.Device != Device.Cpu)
            report.Setting("device", $"{context.Device.Backend.Description}, {DeviceChoice.NameOf(context.Device.Precision)}");
        report.Command("This page:", options.CommandLine(options.Full, options.Smallest).ToString());
        if (!options.Full) report.Command("With the paper's settings, where they can be had:", options.CommandLine(full: true, smallest: false).ToString());
    }

    /// <summary>Nothing is found out about a dataset on another one, or about a training by one of a few steps.</summary>
    private static void WithholdVerdicts(Report report, StudyContext context)
    {
        foreach (var standIn in context.StandIns)
        {
            string into = context.DataDirectory == "data" ? "" : $" --data-dir {context.DataDirectory}";
            string get = context.Size == StudySize.Smallest ? "" : $" `{HelpPage.Call} data {standIn.Wanted} --download{into}` fetches it.";
            report.Notice($"{Sentence($"{standIn}")} Findings about images are inconclusive.{get}");
        }
        if (context.StandIns.Count > 0)
            report.Withhold($"stand-in data: {string.Join(", ", context.StandIns.Select(s => s.Used).Distinct())}", Basis.Images);
        if (context.Size == StudySize.Smallest) report.Withhold("--smallest: too little to judge by", Basis.Training);

        static string Sentence(string text) => $"{char.ToUpperInvariant(text[0])}{text[1..]}.";
    }
}
