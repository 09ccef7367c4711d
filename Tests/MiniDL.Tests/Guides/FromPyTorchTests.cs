using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace MiniDL.Tests.Guides;

/// <summary>The middle column of FROM_PYTORCH.md.</summary>
public sealed partial class FromPyTorchTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("minidl-from-pytorch").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_the_table_offers_compiles_and_runs()
    {
        var rows = new GuideText("FROM_PYTORCH.md").Rows().Where(row => row.Cells.Length == 3).ToList();
        Assert.True(rows.Count > 100, $"{rows.Count} rows");
        Assert.All(rows, row =>
            Assert.True(Code().IsMatch(row.Cells[1]), $"FROM_PYTORCH.md:{row.Line}: the middle cell should be one piece of code"));
        var snippets = rows.Select(row => new Snippet("FROM_PYTORCH.md", row.Line, Statement(row.Cells[1].Trim('`')))).ToList();
        var runs = Snippets.Compile(snippets, Variables(Path.Combine(_folder, "file.safetensors")));
        for (int i = 0; i < runs.Count; i++)
        {
            if (NeedsMore(snippets[i].Code)) continue;
            var (_, message) = runs[i]();
            Assert.True(message is null, $"FROM_PYTORCH.md:{snippets[i].Line}: {snippets[i].Code}\n{message}");
        }
    }

    /// <summary>What the guide says of its variables.</summary>
    private static string Variables(string path) => $$"""
        static readonly RandomStream random = new(0);
        static readonly Tensor x = Tensor.Uniform([4, 3], random, 0.5, 2), images = Tensor.Normal([4, 3, 8, 8], random);
        static readonly Tensor labels = Tensor.From([0L, 2L, 1L, 0L], [4]), w = Learned(Tensor.Normal([2, 3], random)), h = x.Linear(w);
        static readonly Mlp model = new([3, 8, 3], NormFactory.Named("bn"), random);
        static readonly Linear layer = new(3, 2, random: random);
        static readonly Conv2d conv = new(3, 8, 3, random: random);
        static readonly BatchNorm2d bn = new(8);
        static readonly Sgd sgd = new(model.Parameters(), 0.1f);
        static readonly Tensor loss = Loss.CrossEntropy(model.Forward(x), labels) + h.Square().Mean();
        static readonly Dataset data = new ArrayDataset(new float[12], [3], [0, 1, 2, 0]);
        static readonly DataLoader loader = new(data, 2, random);
        static readonly string path = Saved({{SymbolDisplay.FormatLiteral(path, quote: true)}});
        static Tensor Learned(Tensor x) { x.RequiresGrad = true; return x; }
        static string Saved(string path) { SafeTensors.Save(path, model.StateDict()); return path; }
        """;

    private static bool NeedsMore(string code) =>
        code.Contains("Cifar10.Load", StringComparison.Ordinal) || (code.Contains("Device.Cuda", StringComparison.Ordinal) && !Device.HasCuda);

    /// <summary>Statements as they are; an expression whose value is all that it is for becomes a statement.</summary>
    private static string Statement(string code)
    {
        if (code.EndsWith(';') || code.EndsWith('}')) return code;
        var expression = (SyntaxFactory.ParseStatement(code + ";") as ExpressionStatementSyntax)?.Expression;
        bool isStatement = expression is null or InvocationExpressionSyntax or ObjectCreationExpressionSyntax or AssignmentExpressionSyntax;
        return isStatement ? $"{code};" : $"_ = {code};";
    }

    [GeneratedRegex("^`[^`]+`$")]
    private static partial Regex Code();
}
