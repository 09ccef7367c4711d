using System.Text;
using System.Text.RegularExpressions;
using MiniDL.Examples.Reports;

namespace MiniDL.Tests.Examples.Reports;

public sealed partial class ReportTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void A_table_s_file_has_all_digits_and_quotes_where_a_cell_has_a_comma()
    {
        new DataTable("t", ["name", "value", "count"], [["a, \"b\"", 1.0 / 3, 2], ["c", double.NaN, 3L]]).Save(_minidl.Folder(""));
        Assert.Equal("name,value,count\n\"a, \"\"b\"\"\",0.3333333333333333,2\nc,NaN,3\n", _minidl.Read("t.csv"));
    }

    [Fact]
    public void A_histogram_s_bars_cover_the_fraction_of_the_values_within_its_ends()
    {
        var bars = Series.Histogram("h", [0.1, 0.2, 0.9, 1.5, 7], low: 0, high: 2, bins: 4);
        Assert.Equal([0.25, 0.75, 1.25, 1.75], bars.X);
        Assert.Equal([0.8, 0.4, 0, 0.4], bars.Y, (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void The_page_names_no_address_that_a_browser_would_load()
    {
        var report = new Report("r") { Introduction = "See arXiv:1502.03167 and `code`." };
        report.Add(new Chart("c", "c", new Axis("x"), new Axis("y"), new Series("s", [1], [1])));
        using var stream = new MemoryStream();
        HtmlPage.Write(report, stream);
        string page = Encoding.UTF8.GetString(stream.ToArray());
        Assert.Contains("<a href=\"https://arxiv.org/abs/1502.03167\">arXiv:1502.03167</a> and "
            + "<code>code</code>", page, StringComparison.Ordinal);
        Assert.Empty(Loaded().Matches(page[..page.IndexOf("plotly.js (cartesian", StringComparison.Ordinal)]));
        Assert.Equal(3, Closed().Count(page));
    }

    [GeneratedRegex("(src|<link|@import|url\\()")]
    private static partial Regex Loaded();

    [GeneratedRegex("</script>")]
    private static partial Regex Closed();
}
