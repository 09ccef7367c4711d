using System.Diagnostics;
using MiniDL.Tests.Examples;

namespace MiniDL.Tests.Explaining;

public sealed class ExplainVerbTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void It_writes_a_page_that_needs_nothing_else()
    {
        Assert.Equal(0, _minidl.Run("explain --out @e"));
        string page = File.ReadAllText(_minidl.Folder("e/explain.html"));
        Assert.Contains("One training step of an MLP 2-4-2 with bn on four points", page, StringComparison.Ordinal);
        Assert.DoesNotContain("{{", page.Split("id=\"recording\"")[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 4)]
    [InlineData("--plain", 13)]
    [InlineData("--model resnet8 --norm gn", 21)]
    [InlineData("--norm none", 4)]
    public void The_graph_of_Graphviz_has_the_engine_s_operators(string options, int operators)
    {
        Assert.Equal(0, _minidl.Run($"explain --dot {options}"));
        string dot = _minidl.Output;
        Assert.Equal(operators, dot.Split('\n').Count(line => line.Contains("[label=", StringComparison.Ordinal)
            && !line.Contains("->", StringComparison.Ordinal) && !line.Contains("rounded", StringComparison.Ordinal)));
        Assert.Equal(0, _minidl.Run($"explain --text {options}"));
        Assert.Contains($"\n{operators} operators; saved for backward, not counting leaves: ", _minidl.Output, StringComparison.Ordinal);
    }

    [GraphvizFact]
    public void Graphviz_draws_it()
    {
        Assert.Equal(0, _minidl.Run("explain --dot"));
        using var process = Process.Start(new ProcessStartInfo("dot", "-Tplain") { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        process.StandardInput.Write(_minidl.Output);
        process.StandardInput.Close();
        string plain = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        // 4 operators, 6 parameters, input and labels.
        Assert.Equal(12, plain.Split('\n').Count(line => line.StartsWith("node ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("--dataset cifar10", "--dataset cifar10 is for a --model; without one the net is trained on four points. Name a model, or leave it out.")]
    [InlineData("--text --dot", "--text and --dot are two ways to print the graph; give one of them.")]
    [InlineData("--dot --out @e", "--out ")]
    [InlineData("--norm bm", "--norm bm is unknown; choose one of ")]
    [InlineData("--norm in", "normalizes over the pixels of images, and the linear layers of mlp have none")]
    [InlineData("--model resnet20 --batch-size 0", "--batch-size 0 must be between 1 and 512.")]
    [InlineData("--model resnet20 --data-dir x", "--data-dir x is for datasets in files; the step has none.")]
    public void What_cannot_be_is_refused_in_one_line(string options, string message)
    {
        Assert.Equal(2, _minidl.Run($"explain {options}"));
        Assert.Contains(message, _minidl.Error, StringComparison.Ordinal);
        Assert.Equal(1, _minidl.Error.Count(c => c == '\n'));
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class GraphvizFactAttribute : FactAttribute
    {
        public GraphvizFactAttribute()
        {
            if (ProgramOnPath.Find("dot", "dot.exe") is null) Skip = "Graphviz, which draws the graph, is not installed: there is no dot on the path";
        }
    }
}
