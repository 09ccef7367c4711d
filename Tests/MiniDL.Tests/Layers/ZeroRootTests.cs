using MiniDL.Layers;
using MiniDL.Optim;

namespace MiniDL.Tests.Layers;

/// <summary>Norms of values that are all 0, or all equal, have finite gradients: those of a norm's subgradient 0.</summary>
public class ZeroRootTests
{
    /// <summary>
    /// y = (x − mean) / (norm + eps) with the norm's slope 0: dx = (dy − mean(dy)) / 1e-5, and mean(dy) = 3; for p = 1 and ∞ the slope of |x| at 0
    /// is 0 too.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(1.5)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(40)]
    [InlineData(double.PositiveInfinity)]
    public void A_channel_of_zeros_has_the_gradient_of_centring(double p)
    {
        foreach (var device in new[] { Device.Cpu, Device.Reference })
        {
            var norm = new LpBatchNorm1d(1, p);
            norm.To(device);
            var x = NormCases.Leaf(Tensor.Zeros([4, 1], device));
            var y = norm.Forward(x);
            Assert.All(y.ToArray(), value => Assert.Equal(0, value));
            y.Backward(Tensor.From([1.0, 2, 3, 6], [4, 1], device));
            Assert.Equal([-2e5, -1e5, 0, 3e5], x.Grad!.ToArray<double>(), (a, b) => Math.Abs(a - b) < 0.1);
            Assert.Equal(0.9f, norm.RunningNorm!.Value.Item(), 1e-7f);
        }
    }

    [Fact]
    public void A_filter_of_equal_weights_has_the_gradient_of_centring_when_it_is_standardized()
    {
        var linear = new Linear(4, 1, bias: false);
        Init.Constant(linear.Weight, 0.3);
        WeightStandardization.Apply(linear);
        linear.Weight.Value.Backward(Tensor.From([1f, 2, 3, 6], [1, 4]));
        Assert.Equal([-2e5, -1e5, 0, 3e5], linear.Parameters().Single().Grad!.ToArray<double>(), (a, b) => Math.Abs(a - b) < 0.1);
    }

    [Theory]
    [InlineData(0, 0.0)]
    [InlineData(0, 2.0)]
    [InlineData(1, 2.0)]
    [InlineData(null, 2.0)]
    public void A_direction_of_zeros_gives_zeros_and_takes_no_gradient(int? dim, double length)
    {
        var linear = new Linear(3, 2, bias: false, random: new RandomStream(1));
        WeightNorm.Apply(linear, dim: dim);
        var (g, v) = (linear.Parameters().First(), linear.Parameters().Last());
        Init.Constant(g, length);
        double[] directions = [3, 0, 4, 0, 0, 0];
        if (dim is null) directions = new double[6];
        if (dim == 1) directions = [3, 0, 4, 4, 0, 3];
        v.Value.Assign(directions);
        var w = linear.Weight.Value;
        double[] expected = dim switch
        {
            null => new double[6],
            1 => [length * 0.6, 0, length * 0.8, length * 0.8, 0, length * 0.6],
            _ => [length * 0.6, 0, length * 0.8, 0, 0, 0],
        };
        Assert.Equal(expected, w.ToArray<double>(), (a, b) => Math.Abs(a - b) < 1e-6);
        w.Backward(Tensor.Normal([2, 3], new RandomStream(2)));
        Assert.All(g.Grad!.ToArray().Concat(v.Grad!.ToArray()), gradient => Assert.True(float.IsFinite(gradient)));
        float[] dv = v.Grad!.ToArray();
        Assert.All(Enumerable.Range(0, 6).Where(i => directions[i] == 0 && (dim is not 0 || i >= 3)), i => Assert.Equal(0, dv[i]));
    }

    [Fact]
    public void A_bias_whose_every_value_has_a_length_of_its_own_may_be_zero()
    {
        var linear = new Linear(3, 2);
        Init.Constant(linear.Bias!, 0);
        WeightNorm.Apply(linear, "bias");
        linear.Forward(Tensor.Ones([1, 3])).Sum().Backward();
        Assert.Equal([0f, 0], linear.Bias!.Value.ToArray());
        Assert.All(linear.Parameters(), p => Assert.All(p.Grad!.ToArray(), g => Assert.True(float.IsFinite(g))));
    }

    public static TheoryData<string> Norms => ["wn", "ws", "wn-mbn", "lp1", "lp2", "lpinf", "bn", "gn", "rms", "frn", "evonorm-s0", "evonorm-b0"];

    [Theory, MemberData(nameof(Norms))]
    public void A_net_with_a_pruned_filter_trains_on(string name)
    {
        var net = new ResNet(8, NormFactory.Named(name), new RandomStream(1));
        foreach (var (path, parameter) in net.NamedParameters())
        {
            if (!path.Contains("conv", StringComparison.Ordinal) || parameter.Shape.Rank != 4) continue;
            double[] values = parameter.Value.ToArray<double>();
            values.AsSpan(0, values.Length / parameter.Shape[0]).Clear();
            parameter.Value.Assign(values);
        }
        var sgd = new Sgd(net.Parameters(), learningRate: 0.01f, momentum: 0.9f);
        for (int i = 0; i < 3; i++)
        {
            var loss = Loss.CrossEntropy(net.Forward(NormCases.Input([4, 3, 32, 32], Device.Cpu, seed: (ulong)i)), Tensor.From([0L, 1, 2, 3], [4]));
            sgd.ZeroGrad();
            loss.Backward();
            sgd.Step();
        }
        Assert.All(net.NamedParameters(), p => Assert.All(p.Parameter.Value.ToArray(), w => Assert.True(float.IsFinite(w), p.Path)));
    }
}
