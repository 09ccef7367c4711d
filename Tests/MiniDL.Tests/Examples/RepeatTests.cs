using System.Net;
using System.Reflection;
using System.Text.RegularExpressions;
using CommandLine;
using MiniDL.Examples;
using MiniDL.Examples.Comparisons;
using MiniDL.Examples.Options;

namespace MiniDL.Tests.Examples;

/// <summary>What a page says to repeat it is whole: pasted into a shell, it gives the options that were given.</summary>
public sealed partial class RepeatTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("--dataset cifar10 --data-dir", "it's $(touch x)")]
    [InlineData("--dataset mnist --download --train-images 100 --test-images 50 --augment --data-dir", "-x y")]
    [InlineData("--dataset mnist --data-dir", "a\nb")]
    [InlineData("--schedule step:0.5,0.8*0.2 --norms ghost,gn --groups 4 --virtual-batch 2 --batch-sizes 4,2 --seeds 3 --seed 18446744073709551615")]
    [InlineData("--model mlp --epochs 1 --momentum 0 --weight-decay 1e-5 --base-lr 0.3 --base-batch 64 --device reference")]
    [InlineData("--device cuda --precision bf16 --norms bn")]
    [InlineData("--optimizer adam --clip-norm 0.5 --base-lr 0.002")]
    [InlineData("--optimizer adamw --weight-decay 0.1")]
    public void Every_option_of_compare_that_matters_is_in_its_command(string arguments, string? last = null)
    {
        string[] args = ["compare", .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        if (last is not null) args = last.StartsWith('-') ? [.. args[..^1], $"{args[^1]}={last}"] : [.. args, last];
        var options = Parse<CompareOptions>(args);
        string command = options.CommandLine(Common(options)).ToString();
        var again = Parse<CompareOptions>(Pasted(command));
        Assert.Equal(Common(options), Common(again));
        Assert.Equal((options.Norms, options.BatchSizes, options.Seeds, options.Seed ?? 0, options.DataDirectory, options.Download),
            (again.Norms, again.BatchSizes, again.Seeds, again.Seed ?? 0, again.DataDirectory, again.Download));
        Assert.Equal(command, again.CommandLine(Common(again)).ToString());
    }

    [Theory]
    [InlineData("study vgg")]
    [InlineData("study vgg --seed 3 --full --data-dir", "it's $HOME `x`")]
    [InlineData("study small-batch --device cuda --precision fp32 --data-dir", "a b")]
    [InlineData("study deep-mlp --smallest")]
    public void Every_option_of_a_study_that_matters_is_in_its_command(string arguments, string? last = null)
    {
        string[] args = arguments.Split(' ');
        var options = Parse<StudyOptions>(last is null ? args : [.. args, last]);
        var again = Parse<StudyOptions>(Pasted(options.CommandLine(options.Full, options.Smallest).ToString()));
        AssertSame(options, again);
        var full = Parse<StudyOptions>(Pasted(options.CommandLine(full: true, smallest: false).ToString()));
        Assert.Equal((true, false, options.DataDirectory, options.Seed), (full.Full, full.Smallest, full.DataDirectory, full.Seed));
    }

    [Fact]
    public void The_pages_have_these_commands_and_a_stopped_comparison_too()
    {
        string folder = _minidl.Folder("it's $(touch x)");
        string[] compare = ["compare", "--model", "mlp", "--train-images", "16", "--test-images", "8", "--epochs", "3", "--norms", "bn", "--batch-sizes", "2,4",
            "--parallel", "1", "--out", folder];
        Assert.Equal(130, _minidl.RunUntil("(1/2)", compare));
        string goesOn = Assert.Single(_minidl.Output.Split('\n'), line => line.StartsWith("stopped", StringComparison.Ordinal));
        string[] pasted = Pasted(goesOn[goesOn.IndexOf(HelpPage.Call, StringComparison.Ordinal)..]);
        Assert.Equal(0, _minidl.Run(pasted));
        Assert.Contains("1 of them done already", _minidl.Output, StringComparison.Ordinal);
        string page = File.ReadAllText(Path.Combine(folder, "report.html"));
        Assert.Equal("compare", Pasted(WebUtility.HtmlDecode(Commands().Match(page).Groups[1].Value))[0]);

        Assert.Equal(0, _minidl.Run(["study", "feature-scaling", "--smallest", "--seed", "5", "--out", _minidl.Folder("s")]));
        string[] commands = [.. Commands().Matches(_minidl.Read("s/report.html")).Select(match => WebUtility.HtmlDecode(match.Groups[1].Value))];
        Assert.Equal([["study", "feature-scaling", "--seed", "5", "--smallest"], ["study", "feature-scaling", "--seed", "5", "--full"]], commands.Select(Pasted));
    }

    private static ComparisonSettings Common(CompareOptions options) =>
        ComparisonSettings.Of(options.SettingsOf("bn", 4, 0), options.BaseLearningRate, options.BaseBatch);

    private string[] Pasted(string command)
    {
        string folder = Directory.CreateDirectory(_minidl.Folder("shell")).FullName;
        string[] arguments = PastedShell.Arguments(command, folder);
        Assert.Empty(Directory.GetFileSystemEntries(folder));
        string[] call = [.. HelpPage.Call.Split(' ').Skip(1)];
        Assert.Equal(call, arguments[..call.Length]);
        return arguments[call.Length..];
    }

    private static T Parse<T>(string[] args)
    {
        using var parser = new Parser(settings => settings.HelpWriter = null);
        return parser.ParseArguments<TrainOptions, CompareOptions, StudyOptions>(args).MapResult(
            (T options) => options, errors => throw new InvalidOperationException(string.Join(' ', errors.Select(e => e.Tag))));
    }

    private static void AssertSame<T>(T expected, T actual)
    {
        foreach (var property in typeof(T).GetProperties().Where(p => p.GetCustomAttribute<OptionAttribute>() is not null || p.Name == "Study"))
            Assert.Equal(property.GetValue(expected), property.GetValue(actual));
    }

    [GeneratedRegex("<pre><code>(.*?)</code></pre>", RegexOptions.Singleline)]
    private static partial Regex Commands();
}
