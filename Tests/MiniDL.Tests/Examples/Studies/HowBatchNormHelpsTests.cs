using System.Globalization;

namespace MiniDL.Tests.Examples.Studies;

/// <summary>The studies after Santurkar et al. 2018 at their smallest: what the paper claims and what holds that early.</summary>
public sealed class HowBatchNormHelpsTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void BN_trains_at_a_rate_at_which_the_plain_net_does_not()
    {
        Run("vgg");
        var loss = _minidl.Rows("s/vgg.csv").ToDictionary(row => row[0], row => Number(row[1]));
        Assert.True(loss["BN at 0.5"] < 1.8, $"BN: {loss["BN at 0.5"]}");
        Assert.True(loss["no norm at 0.5"] > 2.2, $"no norm: {loss["no norm at 0.5"]}");
        Assert.True(loss["BN at 0.1"] < 0.5 * loss["no norm at 0.1"]);
        Assert.Equal(4 * 60, _minidl.Rows("s/vgg_training.csv").Length);
        Assert.Equal(["0", "60"], _minidl.Rows("s/vgg_activations.csv").Select(row => row[1]).Distinct());
        AssertPictures.ArePresent(_minidl.Folder("s/vgg"), "Learning rate 0.5", "no norm", "step", "accuracy");
        AssertPictures.ArePresent(_minidl.Folder("s/vgg_histograms"), "Layer 3", "Layer 11", "density");
    }

    [Fact]
    public void Noisy_BN_is_ahead_of_no_norm_although_it_drifts_more()
    {
        Run("noisy-bn");
        var loss = _minidl.Rows("s/noisy_bn.csv").ToDictionary(row => row[0], row => Number(row[1]));
        Assert.True(loss["BN with noise"] < 0.8 * loss["no norm"], $"{loss["BN with noise"]} against {loss["no norm"]}");
        Assert.True(loss["BN"] < loss["BN with noise"]);
        var drift = _minidl.Rows("s/noisy_bn_drift_means.csv").ToLookup(row => row[0], row => Number(row[2]));
        Assert.Equal(3, drift["BN"].Count());
        foreach (var (noisy, plain) in drift["BN with noise"].Zip(drift["no norm"])) Assert.True(noisy > plain);
        AssertPictures.ArePresent(_minidl.Folder("s/noisy_bn"), "BN with noise", "no norm", "training loss");
        AssertPictures.ArePresent(_minidl.Folder("s/noisy_bn_drift"), "layer 2", "layer 9", "layer 12");
    }

    [Fact]
    public void In_the_deep_linear_net_BN_does_not_reduce_covariate_shift()
    {
        Run("ics");
        var cosine = _minidl.Rows("s/ics_medians.csv").Where(row => row[0] == "deep linear net")
            .ToDictionary(row => (row[1], Number(row[2]), row[3]), row => Number(row[^1]));
        foreach (string layer in new[] { "9", "17" })
        {
            Assert.InRange(cosine[("none", 1e-7, layer)], 0.9, 1.000001);
            Assert.True(cosine[("bn", 1e-6, layer)] < cosine[("none", 1e-6, layer)] - 0.1);
        }
        Assert.All(_minidl.Rows("s/ics.csv"), row => Assert.InRange(Number(row[6]), -1.00001, 1.00001));
        AssertPictures.ArePresent(_minidl.Folder("s/ics"), "VGG", "Deep linear net", "cosine");
    }

    [Fact]
    public void In_the_deep_linear_net_the_loss_is_smoother_with_BN()
    {
        Run("landscape");
        var summary = _minidl.Rows("s/landscape_summary.csv").Where(row => row[0] == "deep linear net").ToArray();
        var (bn, none) = (summary.Single(row => row[1] == "bn"), summary.Single(row => row[1] == "none"));
        for (int column = 2; column <= 7; column++) Assert.True(Number(bn[column]) < Number(none[column]), $"column {column}");
        foreach (string[] row in _minidl.Rows("s/landscape.csv"))
            Assert.True(Number(row[3]) <= Number(row[4]) && Number(row[5]) <= Number(row[6]));
        AssertPictures.ArePresent(_minidl.Folder("s/landscape"), "VGG: change of the gradient", "no norm");
        AssertPictures.ArePresent(_minidl.Folder("s/landscape_smoothness"), "VGG: effective smoothness");
        AssertPictures.ArePresent(_minidl.Folder("s/landscape_linear"), "Deep linear net: loss along the gradient");
    }

    [Fact]
    public void Every_lp_norm_is_ahead_of_no_norm()
    {
        Run("lp-norm");
        var loss = _minidl.Rows("s/lp_norm.csv").ToDictionary(row => row[0], row => Number(row[1]));
        foreach (string norm in new[] { "BN", "ℓ1", "ℓ2", "ℓ∞" }) Assert.True(loss[norm] < 0.5 * loss["no norm"], norm);
        var linear = _minidl.Rows("s/lp_norm_linear.csv").GroupBy(row => row[0])
            .ToDictionary(net => net.Key, net => Number(net.Last()[2]));
        Assert.True(linear["ℓ1"] < linear["BN"], "ℓ1 should be ahead of BN on the deep linear net");
        AssertPictures.ArePresent(_minidl.Folder("s/lp_norm"), "VGG", "Deep linear net", "no norm");
        AssertPictures.ArePresent(_minidl.Folder("s/lp_norm_histograms"), "density");
    }

    private void Run(string study)
    {
        Assert.Equal(0, _minidl.Run($"study {study} --smallest --out @s"));
        Assert.True(File.Exists(_minidl.Folder("s/report.html")));
        AssertStandIn.IsAnnounced(_minidl, "s");
    }

    private static double Number(string cell) => double.Parse(cell, CultureInfo.InvariantCulture);
}
