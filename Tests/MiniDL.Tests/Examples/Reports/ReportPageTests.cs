using System.Globalization;
using MiniDL.Examples.Reports;
using SkiaSharp;

namespace MiniDL.Tests.Examples.Reports;

public sealed class ReportPageTests : IDisposable
{
    private const string Nasty = "</script><b>\"a\" & 'b'</b> <!-- %";

    private const string Chart = "document.getElementById('c')";

    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [BrowserFact]
    public async Task A_study_s_page_shows_the_numbers_of_its_CSV_files_without_network_or_errors()
    {
        Assert.Equal(0, _minidl.Run("study deep-mlp --smallest --out @s"));
        await using var browser = await Browser.Open(_minidl.Folder("s/report.html"));
        foreach (var setup in _minidl.Rows("s/deep_mlp_std.csv").Where(row => row.Length == 5).GroupBy(row => row[0]))
        {
            var (x, y) = await browser.Points("deep_mlp_std", setup.Key.Replace("'", "\\'", StringComparison.Ordinal));
            Assert.Equal(setup.Select(row => Number(row[1])), x);
            Assert.Equal(setup.Select(row => Number(row[2])), y);
        }
        Assert.Empty(browser.Errors);
        Assert.Empty(browser.Requests);
    }

    [BrowserFact]
    public async Task Series_can_be_hovered_and_are_toggled_by_a_click_on_the_legend_and_stay_so_on_a_page_turned_dark()
    {
        await using var browser = await Browser.Open(Save(new Chart("c", "a chart", new Axis("x"), new Axis("y"),
            new Series("one", [1, 2, 3], [3, 5, 4]) { Low = [2, 4, 3], High = [4, 6, 5] },
            new Series("two", [1, 2, 3], [1, 2, 1]))));
        await browser.Point("#c .nsewdrag");
        await browser.Until("document.querySelector('#c .hoverlayer').textContent.includes('one')");

        await browser.Point("#c .legendtoggle", click: true);
        await browser.Until($"{Chart}.data.find(t => t.name === 'one').visible === 'legendonly'");
        Assert.Equal("legendonly", await browser.Evaluate<string>($"{Chart}._fullData.find(t => t.fill === 'toself').visible"));
        string light = await browser.Evaluate<string>($"{Chart}.data.find(t => t.name === 'two').line.color");
        await browser.Point("#theme", click: true);
        await browser.Until("document.documentElement.dataset.theme === 'dark'");
        Assert.Equal("legendonly", await browser.Evaluate<string>($"{Chart}._fullData.find(t => t.name === 'one').visible"));
        Assert.NotEqual(light, await browser.Evaluate<string>($"{Chart}.data.find(t => t.name === 'two').line.color"));
        Assert.Empty(browser.Errors);
    }

    [BrowserFact]
    public async Task Text_is_shown_as_it_is_whatever_it_holds_and_numbers_keep_all_digits()
    {
        double third = 1.0 / 3;
        var chart = new Chart("c", Nasty, new Axis(Nasty) { Log = true, Reversed = true }, new Axis("y"),
            new Series(Nasty, [1, 10, 100], [third, double.NaN, 1e-300]) { Style = SeriesStyle.LineAndMarkers },
            new Series("b", [1], [2]))
        { Caption = Nasty };
        await using var browser = await Browser.Open(Save(chart));
        Assert.Equal(Nasty, await browser.Evaluate<string>("document.title"));
        foreach (string element in new[] { "h1", "figure h3", "figcaption", ".notice", ".finding dd", "td", "pre" })
            Assert.Equal(Nasty, await browser.Evaluate<string>($"document.querySelector('{element}').textContent"));
        Assert.Contains("</script>", await browser.Evaluate<string>("document.querySelector('#c .legendtext').textContent"));
        Assert.Equal([third, null, 1e-300], await browser.Evaluate<double?[]>("document.getElementById('c').data[0].y"));
        Assert.True(await browser.Evaluate<bool>("(r => r[0] > r[1])(document.getElementById('c')._fullLayout.xaxis.range)"));
        Assert.Empty(browser.Errors);
    }

    [BrowserFact]
    public async Task On_a_telephone_a_log_axis_starts_where_it_was_told_and_its_title_is_beside_its_labels()
    {
        var chart = new Chart("c", "a chart", new Axis("x"), new Axis("density") { Log = true, Min = 1e-3 },
            new Series("one", [1, 2, 3], [1e-9, 0.5, 5]), new Series("two", [1, 2], [0.01, 0.1]));
        await using var browser = await Browser.Open(Save(chart), width: 400, height: 800);
        Assert.Equal(-3, await browser.Evaluate<double>($"{Chart}._fullLayout.yaxis.range[0]"), 1e-9);
        Assert.True(await browser.Evaluate<bool>("document.querySelector('#c .ytitle').getBoundingClientRect().right < "
            + "Math.min(...[...document.querySelectorAll('#c .ytick text')].map(t => t.getBoundingClientRect().left))"));
    }

    [BrowserFact]
    public async Task Lines_of_equal_value_stand_out_from_the_page_light_and_dark()
    {
        var contour = new Contour("f", [0, 1, 2], [0, 1, 2], [[0, 1, 2], [1, 2, 3], [2, 3, 4]], [1, 2, 3]);
        var chart = new Chart("c", "a chart", new Axis("x"), new Axis("y"), new Series("one", [0, 2], [0, 2]));
        await using var browser = await Browser.Open(Save(chart with { Contour = contour }));
        foreach (bool dark in new[] { false, true })
        {
            await browser.PreferDark(dark);
            string color = dark ? "dark" : "light";
            await browser.Until($"{Chart}.data[0].colorscale[0][1] === {Chart}.data[0].meta.{color}");
            string paper = await browser.Evaluate<string>("getComputedStyle(document.body).backgroundColor");
            string line = await browser.Evaluate<string>($"{Chart}.data[0].meta.{color}");
            Assert.True(Contrast(SKColor.Parse(line), Color(paper)) > 3, $"{line} on {paper}");
        }
        Assert.False(await browser.Evaluate<bool>($"{Chart}._fullLayout.yaxis.showgrid"));
    }

    [BrowserFact]
    public async Task The_page_is_a_picture_on_light_and_dark_and_on_a_telephone()
    {
        string page = Save(new Chart("c", "a chart", new Axis("x"), new Axis("y"),
            new Series("one", [1, 2], [3, 4]), new Series("two", [1], [1])));
        await using var browser = await Browser.Open(page);
        Assert.InRange(Brightness(await browser.Screenshot()), 0.85, 1);
        await browser.PreferDark(true);
        Assert.InRange(Brightness(await browser.Screenshot()), 0, 0.3);
        await using var telephone = await Browser.Open(page, width: 390, height: 800);
        // Nothing is wider than the screen.
        Assert.True(await telephone.Evaluate<bool>("document.documentElement.scrollWidth <= innerWidth"));
        Assert.InRange(Brightness(await telephone.Screenshot()), 0.7, 1);
        Assert.Empty(browser.Errors.Concat(telephone.Errors));
    }

    private string Save(Chart chart)
    {
        var report = new Report(Nasty) { Introduction = "A page." };
        report.Add(new Finding("claim", Nasty, Nasty));
        report.Notice(Nasty);
        report.Add(chart);
        report.Add(new DataTable("t", ["text", "number"], [[Nasty, 0.1]]));
        report.Command("again", Nasty);
        string folder = Directory.CreateDirectory(_minidl.Folder("page")).FullName;
        report.Save(folder);
        return Path.Combine(folder, "report.html");
    }

    private static double? Number(string cell) =>
        double.Parse(cell, CultureInfo.InvariantCulture) is var value && double.IsFinite(value) ? value : null;

    /// <summary>rgb(1, 2, 3), as a browser writes it.</summary>
    private static SKColor Color(string rgb)
    {
        byte[] parts = [.. rgb[4..^1].Split(',').Select(part => byte.Parse(part, CultureInfo.InvariantCulture))];
        return new SKColor(parts[0], parts[1], parts[2]);
    }

    /// <summary>The contrast ratio of WCAG 2: lines must have 3 to be seen well.</summary>
    private static double Contrast(SKColor a, SKColor b)
    {
        double[] light = [.. new[] { a, b }.Select(Luminance).Order()];
        return (light[1] + 0.05) / (light[0] + 0.05);

        static double Luminance(SKColor c) => 0.2126 * Linear(c.Red) + 0.7152 * Linear(c.Green) + 0.0722 * Linear(c.Blue);
        static double Linear(byte value) => value <= 10 ? value / 255.0 / 12.92 : Math.Pow((value / 255.0 + 0.055) / 1.055, 2.4);
    }

    /// <summary>The mean brightness of a picture, which must have many colours.</summary>
    private static double Brightness(byte[] png)
    {
        using var picture = SKBitmap.Decode(png);
        Assert.True(picture.Pixels.Distinct().Count() > 100);
        return picture.Pixels.Average(pixel => (pixel.Red + pixel.Green + pixel.Blue) / 765.0);
    }
}
