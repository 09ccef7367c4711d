using System.Text.RegularExpressions;
using MiniDL.Tests.Core.Backends.Cuda;

namespace MiniDL.Tests;

public partial class DocumentationTests
{
    [Fact]
    public void Links_of_the_guides_lead_to_files()
    {
        string root = Gpu.Root();
        var guides = Directory.EnumerateFiles(root, "*.md", SearchOption.AllDirectories)
            .Where(path => !Path.GetRelativePath(root, path).Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj" or "node_modules"))
            .ToList();
        Assert.Contains(Path.Combine(root, "Core", "README.md"), guides);
        Assert.All(guides, guide => Assert.All(Link().Matches(File.ReadAllText(guide)), link =>
        {
            string target = Path.Combine(Path.GetDirectoryName(guide)!, link.Groups["path"].Value);
            Assert.True(Path.Exists(target), $"{Path.GetRelativePath(root, guide)} links to {link.Groups["path"].Value}, which is not there");
        }));
    }

    /// <summary>A link to a place in the repository; not one to the web or within the page.</summary>
    [GeneratedRegex(@"\]\((?!\w+:|#)(?<path>[^)#\s]+)")]
    private static partial Regex Link();
}
