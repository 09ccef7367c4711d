using System.Text.RegularExpressions;

namespace MiniDL.Tests.Guides;

/// <summary>The code of the guides runs, and does what they say.</summary>
public partial class GuideTests
{
    private static readonly GuideText Engine = new("Core/README.md");

    [Fact]
    public void Rules_print_and_refuse_what_the_guide_shows()
    {
        var blocks = Engine.Blocks("## The rules").ToList();
        Assert.Equal(Enumerable.Range(0, blocks.Count).Select(i => i % 2 == 0 ? "csharp" : "text"), blocks.Select(block => block.Language));
        Assert.True(blocks.Count > 50, "each rule has a block of code, and one of what one gets");
        var runs = Snippets.Compile([.. blocks.Where(block => block.Language == "csharp").Select(block => block.Snippet)]);
        for (int i = 0; i < runs.Count; i++)
        {
            var (printed, message) = runs[i]();
            AssertSame(blocks[2 * i + 1].Snippet, printed + message);
        }
    }

    [Fact]
    public void Links_to_headings_find_them() => Assert.All([Engine, new("README.md"), new("FROM_PYTORCH.md")], guide =>
        Assert.All(guide.Lines.SelectMany(line => Fragment().Matches(line)), link =>
        {
            string path = link.Groups["path"].Value, anchor = link.Groups["anchor"].Value;
            var target = path.Length == 0 ? guide : new GuideText(Path.Combine(Path.GetDirectoryName(guide.Path)!, path));
            Assert.True(target.Lines.Where(line => Heading().IsMatch(line)).Select(Anchor).Contains(anchor),
                $"{guide.Path} links to #{anchor}, for which {target.Path} has no heading");
        }));

    /// <summary>The first program of the README, and what it then saves.</summary>
    [Fact]
    public void Programs_of_the_readme_compile()
    {
        var programs = new GuideText("README.md").Blocks().Where(block => block.Language == "csharp").Select(block => block.Snippet).ToList();
        Assert.NotEmpty(programs);
        Snippets.Compile(programs, """
            static (float[] Points, long[] Labels) Spirals(int count, RandomStream random) => (new float[2 * count], new long[count]);
            static Mlp model = new([2, 32, 32, 2], NormFactory.Named("bn"), new RandomStream(0));
            static Sgd sgd = new(model.Parameters(), 0.1f);
            static Tensor images = Tensor.Ones([2, 2]), labels = Tensor.From<long>([0, 1], [2]);
            """);
    }

    /// <summary>The guide breaks long messages into lines.</summary>
    private static void AssertSame(Snippet shown, string found) => Assert.True(Words(shown.Code) == Words(found),
        $"{shown.File}:{shown.Line} shows\n{shown.Code}\nThe code gives\n{found}");

    private static string Words(string text) => Space().Replace(text, " ").Trim();

    /// <summary>The anchor that GitHub gives a heading.</summary>
    private static string Anchor(string heading) => NotInAnchors().Replace(heading.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-');

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();

    [GeneratedRegex("^#+ ")]
    private static partial Regex Heading();

    [GeneratedRegex(@"\]\((?<path>[^):#]*)#(?<anchor>[^)]+)\)")]
    private static partial Regex Fragment();

    [GeneratedRegex(@"[^\w -]")]
    private static partial Regex NotInAnchors();
}
