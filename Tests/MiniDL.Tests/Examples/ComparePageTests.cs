using System.Globalization;
using MiniDL.Tests.Examples.Reports;

namespace MiniDL.Tests.Examples;

public sealed class ComparePageTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [BrowserFact]
    public async Task The_figures_points_are_the_numbers_of_the_CSV_files_without_network_or_errors()
    {
        Assert.Equal(0, _minidl.Run("compare --model resnet8 --train-images 40 --test-images 20 --epochs 2 --norms bn,gn --batch-sizes 4,8,20 "
            + "--seeds 2 --out @c"));
        await using var browser = await Browser.Open(_minidl.Folder("c/report.html"));
        foreach (string norm in new[] { "bn", "gn" })
        {
            var summary = _minidl.Rows("c/summary.csv").Where(row => row[0] == norm).ToArray();
            var (sizes, errors) = await browser.Points("error_vs_batch_size", norm.ToUpperInvariant());
            Assert.Equal([20, 8, 4], sizes);
            Assert.Equal(summary.Select(row => Number(row[1])), sizes);
            Assert.Equal(summary.Select(row => Number(row[3])), errors);
            double[] band = await browser.Evaluate<double[]>("(() => { const d = document.getElementById('error_vs_batch_size').data;"
                + $"const group = d.find(t => t.name === '{norm.ToUpperInvariant()}').legendgroup;"
                + "return d.find(t => t.legendgroup === group && t.fill === 'toself').y; })()");
            // There along the low ends, back along the high ones.
            Assert.Equal(summary.Select(row => Number(row[4])!.Value), band[..3].Zip(band.Reverse(), (low, high) => (high - low) / 2),
                (a, b) => Math.Abs(a - b) < 1e-4);

            var runs = _minidl.Rows("c/runs.csv").Where(row => row[0] == norm && row[1] == "8").ToArray();
            var (epochs, gradients) = await browser.Points($"gradient_norm_{norm}", "batch 8");
            Assert.Equal([1, 2], epochs);
            for (int epoch = 1; epoch <= 2; epoch++)
                Assert.Equal(runs.Where(row => row[3] == $"{epoch}").Average(row => Number(row[15])!.Value), gradients[epoch - 1]!.Value, 1e-4);
        }
        var (_, precise) = await browser.Points("statistics_bn", "precise");
        Assert.Equal(_minidl.Rows("c/statistics_mean.csv").Where(row => row[0] == "bn").Select(row => Number(row[3])!.Value),
            precise.Select(p => p!.Value), (a, b) => Math.Abs(a - b) < 1e-4);
        var (layers, distances) = await browser.Points("mean_distance_bn", "batch 4");
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], layers);
        Assert.All(distances, distance => Assert.InRange(distance!.Value, 1e-6, 10));
        Assert.Contains("--norms bn,gn --batch-sizes 4,8,20 --seeds 2", await browser.Evaluate<string>("document.querySelector('pre').textContent"));
        Assert.NotEmpty(await browser.Screenshot(whole: true));
        Assert.Empty(browser.Errors);
        Assert.Empty(browser.Requests);
    }

    [Fact]
    public void The_command_on_the_page_does_the_same_comparison_again()
    {
        const string settings = "--model mlp --train-images 40 --test-images 20 --epochs 1 --augment --momentum 0.5 --base-lr 0.2 --base-batch 64 "
            + "--weight-decay 0 --schedule cosine --norms gn,ghost --groups 4 --virtual-batch 4 --batch-sizes 8 --seeds 2 --seed 3";
        Assert.Equal(0, _minidl.Run($"compare {settings} --out @a"));
        string page = _minidl.Read("a/report.html");
        string command = page[page.IndexOf("-- compare ", StringComparison.Ordinal)..];
        Assert.Equal(0, _minidl.Run(command[3..command.IndexOf('<', StringComparison.Ordinal)] + " --out @b"));
        Assert.Equal(_minidl.Read("a/summary.csv"), _minidl.Read("b/summary.csv"));
        Assert.Equal(_minidl.Read("a/config.json"), _minidl.Read("b/config.json"));
    }

    [Fact]
    public void A_comparison_whose_every_run_diverged_has_a_page_too()
    {
        Assert.Equal(0, _minidl.Run("compare --model resnet8 --train-images 20 --test-images 10 --epochs 1 --norms none --batch-sizes 10 "
            + "--base-lr 1e30 --schedule none --out @c"));
        Assert.Contains("NaN", _minidl.Read("c/summary.csv"), StringComparison.Ordinal);
        Assert.True(File.Exists(_minidl.Folder("c/report.html")));
    }

    private static double? Number(string cell) =>
        double.Parse(cell, CultureInfo.InvariantCulture) is var value && double.IsFinite(value) ? value : null;
}
