using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class MeanOnlyBatchNormTests
{
    /// <summary>Means 2 and −3 in training; running means 0 → 0.5 and −0.75 at momentum ¼.</summary>
    [Fact]
    public void Subtracts_the_mean_and_keeps_the_scale_and_evaluation_uses_the_running_mean()
    {
        var norm = new MeanOnlyBatchNorm(2, momentum: 0.25);
        Init.Constant(norm.Bias, 10);
        var x = Tensor.From([1f, -8, 3, 2], [2, 2]);
        Assert.Equal([9f, 5, 11, 15], norm.Forward(x).ToArray());
        Assert.Equal([0.5f, -0.75f], norm.RunningMean.Value.ToArray());
        norm.Eval();
        Assert.Equal([10.5f, 2.75f, 12.5f, 12.75f], norm.Forward(x).ToArray());
        Assert.Equal([0.5f, -0.75f], norm.RunningMean.Value.ToArray());
        Assert.Equal(["bias", "running_mean"], norm.StateDict().Keys);
    }
}
