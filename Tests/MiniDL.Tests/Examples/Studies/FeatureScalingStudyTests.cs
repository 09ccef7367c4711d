using System.Globalization;

namespace MiniDL.Tests.Examples.Studies;

public sealed class FeatureScalingStudyTests : IDisposable
{
    private readonly Minidl _minidl = new();

    public void Dispose() => _minidl.Dispose();

    [Fact]
    public void Steps_to_converge_follow_the_condition_number_within_theory_s_bound()
    {
        Assert.Equal(0, _minidl.Run("study feature-scaling --smallest --out @s"));
        var runs = _minidl.Rows("s/feature_scaling.csv").ToDictionary(row => row[0],
            row => (Condition: double.Parse(row[1], CultureInfo.InvariantCulture), Steps: long.Parse(row[3])));
        Assert.Equal(["raw", "min-max", "mean", "z-score"], runs.Keys);
        // The excess loss shrinks by (1 − 1/κ)² a step or faster, and in its slowest direction no faster.
        Assert.All(runs.Values, run => Assert.InRange(run.Steps, 0.1 * run.Condition, run.Condition / 2 * Math.Log(1e6) + 1));
        Assert.True(runs["raw"].Steps > 100 * runs["min-max"].Steps);
        Assert.True(runs["min-max"].Steps > runs["mean"].Steps && runs["mean"].Steps > runs["z-score"].Steps);
        // Standardized features of correlation r have eigenvalues 1 ± r, the bias 1.
        Assert.InRange(runs["z-score"].Condition, 1, 20);
        AssertPictures.ArePresent(_minidl.Folder("s/feature_scaling_paths"), "z-score", "weight of size", "path");
    }
}
