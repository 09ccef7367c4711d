using MiniDL.Examples.Studies;

namespace MiniDL.Tests.Examples.Studies;

public sealed class StudyVerbTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void Without_a_name_the_studies_are_listed()
    {
        Assert.Equal(0, _minidl.Run("study"));
        foreach (var study in StudyTable.All) Assert.Contains(study.Name, _minidl.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_study_is_one_line_with_the_names_and_exit_code_2()
    {
        Assert.Equal(2, _minidl.Run("study depth"));
        Assert.Equal($"error: there is no study 'depth'; choose one of {StudyTable.Names}.\n", _minidl.Error);
        Assert.Equal(2, _minidl.Run("study deep-mlp --full --smallest"));
        Assert.Equal("error: --full and --smallest exclude each other.\n", _minidl.Error);
    }

    [Fact]
    public void Help_shows_the_options_and_an_example()
    {
        Assert.Equal(0, _minidl.Run("study --help"));
        foreach (string text in new[] { "[NAME]", "--full", "--out", "--data-dir", "--seed", "--threads", "--quiet", "study deep-mlp" })
            Assert.Contains(text, _minidl.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_study_that_is_stopped_ends_with_exit_code_130_and_writes_no_page()
    {
        Assert.Equal(130, _minidl.RunUntil("deep-mlp:", "study deep-mlp --smallest --out @s"));
        Assert.False(File.Exists(_minidl.Folder("s/report.html")));
    }

    [Fact]
    public void Absent_data_is_replaced_and_the_report_says_by_what()
    {
        var terminal = new MiniDL.Examples.Output.Terminal(TextWriter.Null, TextWriter.Null, quiet: true);
        var context = new StudyContext(StudySize.Preset, Seed: 0, terminal, CancellationToken.None)
        {
            DataDirectory = _minidl.Folder("none"),
        };
        foreach (string wanted in new[] { "mnist", "cifar10" })
        {
            var data = context.Load(wanted, trainImages: 3, testImages: 2);
            Assert.Equal((3, 2), (data.Train.Count, data.Test.Count));
            Assert.StartsWith($"synthetic in place of {wanted}, which is not in {context.DataDirectory}: 3 training and 2 "
                + "test images",
                context.DataUsed[^1], StringComparison.Ordinal);
        }
    }
}
