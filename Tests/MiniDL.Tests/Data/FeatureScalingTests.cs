using MiniDL.Data;

namespace MiniDL.Tests.Data;

public class FeatureScalingTests
{
    private static readonly float[] A = [2, 7, 10, 20, 30, 50];
    private static readonly float[] B = [5, 10, 15, 20, 25];

    private static void Near(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 4);
    }

    [Fact]
    public void Min_max_brings_the_worked_examples_into_zero_to_one()
    {
        // (x − 2) / 48 and (x − 5) / 20.
        Near([0, 0.1042, 0.1667, 0.375, 0.5833, 1], FeatureScaling.MinMax(A).Transform(A));
        Near([0, 0.25, 0.5, 0.75, 1], FeatureScaling.MinMax(B).Transform(B));
    }

    [Fact]
    public void Mean_normalization_centres_the_worked_examples()
    {
        // mean 119/6 = 19.8333, range 48; mean 15, range 20.
        Near([-0.3715, -0.2674, -0.2049, 0.0035, 0.2118, 0.6285], FeatureScaling.MeanNormalization(A).Transform(A));
        Near([-0.5, -0.25, 0, 0.25, 0.5], FeatureScaling.MeanNormalization(B).Transform(B));
    }

    [Fact]
    public void Standardization_gives_the_z_scores_of_the_worked_examples()
    {
        // Squares 4 + 49 + 100 + 400 + 900 + 2500 = 3953; 3953/6 − 19.8333² = 265.4722, whose root is 16.2933. √50 = 7.0711.
        Near([-1.0945, -0.7876, -0.6035, 0.0102, 0.6240, 1.8515], FeatureScaling.Standardize(A).Transform(A));
        Near([-1.4142, -0.7071, 0, 0.7071, 1.4142], FeatureScaling.Standardize(B).Transform(B));
    }

    [Fact]
    public void Columns_are_scaled_by_themselves_and_new_data_by_what_was_fitted()
    {
        var scaling = FeatureScaling.MinMax([0, 100, 10, 300], features: 2);
        Near([0, 0, 1, 1], scaling.Transform([0, 100, 10, 300]));
        Near([2, -0.5], scaling.Transform([20, 0]));
        Assert.Equal([0.0, 100.0], scaling.Offset);
        Assert.Equal([10.0, 200.0], scaling.Divisor);
    }

    [Fact]
    public void Inverse_undoes_each_scaling()
    {
        foreach (var scaling in new[] { FeatureScaling.MinMax(A), FeatureScaling.MeanNormalization(A), FeatureScaling.Standardize(A) })
            Near(A.Select(x => (double)x).ToArray(), scaling.Inverse(scaling.Transform(A)));
    }

    [Fact]
    public void A_constant_feature_becomes_zero_and_a_large_mean_costs_no_digits()
    {
        // The mean of a constant like 0.1 need not be exact; its deviation is zero all the same.
        foreach (float[] constant in new float[][] { [7, 7, 7], [0.1f, 0.1f, 0.1f] })
            Near([0, 0, 0], FeatureScaling.Standardize(constant).Transform(constant));
        Near([-1, 1], FeatureScaling.Standardize([1e7f, 1e7f + 2]).Transform([1e7f, 1e7f + 2]));
    }

    [Fact]
    public void Bad_input_is_an_error()
    {
        Assert.Throws<MiniDLException>(() => FeatureScaling.MinMax([]));
        Assert.Throws<MiniDLException>(() => FeatureScaling.MinMax([1, 2, 3], features: 2));
        Assert.Throws<MiniDLException>(() => FeatureScaling.MinMax([1, 2, 3], features: 0));
        Assert.Throws<MiniDLException>(() => FeatureScaling.MinMax([1, 2], features: 2).Transform([1]));
        Assert.Contains("row 1, feature 0 is NaN",
            Assert.Throws<MiniDLException>(() => FeatureScaling.Standardize([1, float.NaN])).Message);
    }
}
