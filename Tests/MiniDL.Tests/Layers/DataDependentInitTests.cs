using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class DataDependentInitTests
{
    private static IEnumerable<(double Mean, double Deviation)> Moments(Tensor y)
    {
        int[] others = [.. Enumerable.Range(0, y.Rank).Where(dim => dim != 1)];
        var mean = y.Mean(others, keepDim: true);
        return mean.ToArray<double>().Zip((y - mean).Square().Mean(others).Sqrt().ToArray<double>());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_layer_gives_mean_0_and_variance_1_on_the_batch(bool drawn)
    {
        var random = new RandomStream(1);
        var net = new Sequential(WeightNorm.Apply(new Conv2d(3, 5, 3, random: random)), new Relu(),
            WeightNorm.Apply(new Conv2d(5, 4, 3, random: random)), new Relu(), new Flatten(),
            WeightNorm.Apply(new Linear(16, 6, random: random)));
        net.To(Device.Reference);
        var x = NormCases.Input([20, 3, 6, 6], Device.Reference, seed: 2, mean: 3);
        DataDependentInit.Run(net, x, drawn ? random : null);

        var h = x;
        foreach (var layer in net.Children)
        {
            h = layer.Forward(h);
            if (layer is Conv2d or Linear)
                Assert.All(Moments(h), m =>
                {
                    Assert.Equal(0, m.Mean, 1e-12);
                    Assert.Equal(1, m.Deviation, 1e-12);
                });
        }
        double[] directions = [.. net.NamedParameters().Where(p => p.Path.EndsWith('1'))
            .SelectMany(p => p.Parameter.Value.ToArray<double>())];
        double std = Math.Sqrt(directions.Average(v => v * v));
        Assert.True(drawn == std is > 0.045 and < 0.055, $"std of the directions {std}");
    }

    /// <summary>t = v·x/‖v‖ of inputs 1, 3 and v = 2 is 1, 3: mean 2, σ 1. The second output, v = −4, has t = −1, −3.</summary>
    [Fact]
    public void Lengths_and_biases_are_the_papers()
    {
        var linear = new Linear(1, 2);
        linear.LoadStateDict(new Dictionary<string, Tensor>
        { ["weight"] = Tensor.From([2f, -4], [2, 1]), ["bias"] = Tensor.From([5f, 6], [2]) });
        WeightNorm.Apply(linear);
        DataDependentInit.Run(linear, Tensor.From([1f, 3], [2, 1]));
        var state = linear.StateDict();
        Assert.Equal([1f, 1], state["parametrizations.weight.original0"].ToArray());
        Assert.Equal([-2f, 2], state["bias"].ToArray());
        Assert.Equal([2f, -4], state["parametrizations.weight.original1"].ToArray());
    }

    [Fact]
    public void Before_mean_only_batch_norm_lengths_alone_are_set_and_the_norm_centres()
    {
        var net = new ResNet(8, NormFactory.Named("wn-mbn"), new RandomStream(1));
        var x = NormCases.Input([16, 3, 8, 8], Device.Cpu, seed: 1);
        DataDependentInit.Run(net, x);
        List<(double Mean, double Deviation)> moments = [];
        foreach (var (_, module) in net.NamedModules())
            if (module is MeanOnlyBatchNorm)
                module.OnForward((_, _, y) =>
                {
                    moments.AddRange(Moments(y));
                    return null;
                });
        net.Forward(x);
        Assert.Equal(16 + 2 * (16 + 32 + 64), moments.Count);
        Assert.All(moments, m => Assert.True(Math.Abs(m.Mean) < 1e-4 && Math.Abs(m.Deviation - 1) < 1e-3, $"{m}"));
    }

    [Fact]
    public void What_cannot_be_initialized_is_an_error_of_one_line_and_leaves_no_hooks()
    {
        string Message(Action action) => Assert.ThrowsAny<MiniDLException>(action).Message;
        Assert.StartsWith("[data_dependent_init] the model has no weight-normalized layer.",
            Message(() => DataDependentInit.Run(new Linear(2, 2), Tensor.Ones([3, 2]))));
        var net = new Sequential(WeightNorm.Apply(new Linear(2, 3)));
        Assert.Contains("of Linear 0 is the same for the whole batch [3, 3], or not finite. Use a larger batch.",
            Message(() => DataDependentInit.Run(net, Tensor.Ones([3, 2]))));
        Assert.All(net.NamedModules(), m => Assert.False(m.Module.HasHooks));
        Assert.Contains("1 lengths for 3 outputs. Use WeightNorm.Apply with dim: 0.",
            Message(() => DataDependentInit.Run(WeightNorm.Apply(new Linear(2, 3), dim: null),
                NormCases.Input([4, 2], Device.Cpu, seed: 1))));
    }
}
