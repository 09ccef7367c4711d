using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class LpBatchNormTests
{
    /// <summary>Values 1, −3, 5, 1: mean 1; mean |x| 2.5, root mean square 3, cubic mean (154/4)^(1/3), largest 5.</summary>
    [Theory]
    [InlineData(1, 2.5)]
    [InlineData(2, 3)]
    [InlineData(3, 3.37665454)]
    [InlineData(double.PositiveInfinity, 5)]
    public void Centres_and_divides_by_the_average_norm_of_the_uncentred_values(double p, double norm)
    {
        var y = new LpBatchNorm1d(1, p, eps: 0.5).Forward(Tensor.From([1f, -3, 5, 1], [4, 1]));
        float[] expected = [.. new[] { 0, -4, 4, 0 }.Select(centred => (float)(centred / (norm + 0.5)))];
        Assert.Equal(expected, y.ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void Evaluation_uses_running_averages_of_mean_and_norm()
    {
        var norm = new LpBatchNorm1d(1, p: 1, eps: 0, momentum: 0.5);
        norm.Forward(Tensor.From([1f, -3, 5, 1], [4, 1]));
        norm.Forward(Tensor.From([2f, 2], [2, 1]));
        // Mean 0 → 0.5 → 1.25; norm 1 → 1.75 → 1.875.
        Assert.Equal([1.25f], norm.RunningMean!.Value.ToArray());
        Assert.Equal([1.875f], norm.RunningNorm!.Value.ToArray());
        Assert.Equal([2], norm.StateDict()["num_batches_tracked"].ToArray<long>());
        Assert.Equal((5 - 1.25f) / 1.875f, norm.Eval().Forward(Tensor.From([5f], [1, 1])).Item());
    }

    [Fact]
    public void Where_the_mean_is_zero_p_2_is_batch_norm()
    {
        var x = NormCases.Input([6, 3, 4, 4], Device.Reference, seed: 1);
        x -= x.Mean([0, 2, 3], keepDim: true);
        var expected = new BatchNorm2d(3, eps: 0).To(Device.Reference).Forward(x);
        NormCases.AssertClose(new LpBatchNorm2d(3, p: 2, eps: 0).To(Device.Reference).Forward(x), expected, 1e-12, "lp2");
    }
}
