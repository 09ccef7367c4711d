using System.Text.RegularExpressions;

namespace MiniDL.Tests.Examples.Studies;

/// <summary>What must hold where a study saw other images than it asks for, as it always does at its smallest.</summary>
internal static partial class AssertStandIn
{
    /// <summary>
    /// Console and page announce it, nothing is concluded but what is derived, and no text speaks of what the images are not.
    /// </summary>
    public static void IsAnnounced(Minidl minidl, string folder)
    {
        string line = Assert.Single(minidl.Output.Split('\n'), line => line.StartsWith("stand-in data: ", StringComparison.Ordinal));
        Assert.Contains("synthetic images in place of ", line, StringComparison.Ordinal);
        Assert.EndsWith("inconclusive", line.TrimEnd(), StringComparison.Ordinal);
        string page = minidl.Read($"{folder}/report.html");
        string body = page[page.IndexOf("<body>", StringComparison.Ordinal)..page.IndexOf("<script", StringComparison.Ordinal)];
        Assert.Matches("</header>\\s*<p class=\"notice\"[^>]*>Stand-in data: synthetic images in place of ", body);
        Assert.DoesNotContain("digit", body, StringComparison.OrdinalIgnoreCase);
        var findings = Findings().Matches(body);
        Assert.NotEmpty(findings);
        foreach (Match finding in findings)
            Assert.True(finding.Groups["verdict"].Value == "inconclusive" || finding.Groups["source"].Value == "theory", finding.Value);
        Assert.Contains(findings, finding => finding.Groups["verdict"].Value == "inconclusive");
        Assert.DoesNotMatch("± 0(\\.0+)?[^0-9.]", body);
    }

    [GeneratedRegex("<article class=\"finding (?<verdict>[a-z]+)\">.*?<dt>(?<source>[a-z]+)</dt>", RegexOptions.Singleline)]
    private static partial Regex Findings();
}
