using System.Text.RegularExpressions;
using MiniDL.Data;
using MiniDL.Examples.Studies;
using MiniDL.Examples.Training;
using MiniDL.Layers;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests;

/// <summary>The guides list what the tables in the code have. A test that fails says what to put into the guide.</summary>
public partial class TablesInGuidesTests
{
    [Fact]
    public void Norms() => AssertIn("README.md",
        $"`--norm`: {string.Join(", ", NormFactory.Names.Select(norm => $"`{norm}` {NormFactory.Named(norm).Title}"))}.");

    [Fact]
    public void Datasets_and_optimizers()
    {
        AssertIn("README.md", $"`--dataset {string.Join(@"\|", Datasets.Names)}`");
        AssertIn("README.md", $"`--optimizer {string.Join(@"\|", OptimizerChoice.Names)}`");
    }

    [Fact]
    public void Studies()
    {
        foreach (var study in StudyTable.All)
        {
            AssertIn("Examples/README.md", $"| [{study.Name}](#{study.Name}) |");
            AssertIn("Examples/README.md", $"## {study.Name} ");
            AssertIn("Examples/README.md", $"study {study.Name} ");
        }
    }

    private static void AssertIn(string guide, string text)
    {
        string written = Space().Replace(File.ReadAllText(Path.Combine(Gpu.Root(), guide)), " ");
        Assert.True(written.Contains(text, StringComparison.Ordinal), $"{guide} should have: {text}");
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
