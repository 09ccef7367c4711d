using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class InitTests
{
    private static readonly Shape Weight = [64, 32, 3, 3];
    private const double FanIn = 32 * 9, FanOut = 64 * 9;

    private static (double Mean, double Std, double Largest) Moments(Action<Parameter, RandomStream> fill)
    {
        var parameter = new Parameter("weight", Tensor.Zeros(Weight));
        fill(parameter, new RandomStream(11));
        double[] x = parameter.Value.ToArray<double>();
        double mean = x.Average();
        return (mean, Math.Sqrt(x.Average(v => (v - mean) * (v - mean))), x.Max(Math.Abs));
    }

    /// <summary>18,432 values: the std of the std is std/√(2n), half a percent; 2 % is four of them.</summary>
    private static void Check((double Mean, double Std, double Largest) actual, double std, bool uniform)
    {
        Assert.InRange(actual.Mean / std, -0.03, 0.03);
        Assert.InRange(actual.Std / std, 0.98, 1.02);
        if (uniform) Assert.InRange(actual.Largest / (Math.Sqrt(3) * std), 0.99, 1.0000001);
        else Assert.True(actual.Largest > 3 * std);
    }

    [Fact]
    public void Kaiming_has_std_gain_over_root_fan()
    {
        Check(Moments((p, r) => Init.KaimingNormal(p, r)), Math.Sqrt(2 / FanIn), uniform: false);
        Check(Moments((p, r) => Init.KaimingNormal(p, r, FanMode.FanOut, Nonlinearity.Relu)), Math.Sqrt(2 / FanOut), uniform: false);
        Check(Moments((p, r) => Init.KaimingUniform(p, r, FanMode.FanIn, Nonlinearity.Tanh)), 5.0 / 3 / Math.Sqrt(FanIn), uniform: true);
        Check(Moments((p, r) => Init.KaimingUniform(p, r, negativeSlope: Math.Sqrt(5))), Math.Sqrt(1 / 3.0) / Math.Sqrt(FanIn),
            uniform: true);
    }

    [Fact]
    public void Xavier_has_std_gain_root_two_over_both_fans()
    {
        Check(Moments((p, r) => Init.XavierNormal(p, r)), Math.Sqrt(2 / (FanIn + FanOut)), uniform: false);
        Check(Moments((p, r) => Init.XavierUniform(p, r, gain: 1.5)), 1.5 * Math.Sqrt(2 / (FanIn + FanOut)), uniform: true);
    }

    /// <summary>PyTorch: U(±1/√fan_in), whose std is the bound over √3.</summary>
    [Fact]
    public void Layers_start_uniform_in_one_over_root_fan_in()
    {
        Check(Moments((p, r) => p.Value = new Conv2d(32, 64, 3, random: r).Weight.Value), 1 / Math.Sqrt(3 * FanIn), uniform: true);
        var linear = new Linear(400, 100, random: new RandomStream(1));
        foreach (var parameter in new[] { linear.Weight, linear.Bias! })
        {
            double[] x = parameter.Value.ToArray<double>();
            Assert.InRange(x.Max(Math.Abs), 0.95 / 20, 1.0 / 20);
            Assert.InRange(Math.Sqrt(x.Average(v => v * v)) * 20 * Math.Sqrt(3), 0.85, 1.15);
        }
    }

    [Theory]
    [InlineData(Nonlinearity.Linear, 1)]
    [InlineData(Nonlinearity.Sigmoid, 1)]
    [InlineData(Nonlinearity.Tanh, 1.6666666666666667)]
    [InlineData(Nonlinearity.Relu, 1.4142135623730951)]
    [InlineData(Nonlinearity.LeakyRelu, 1.4141428569978354)]
    public void Gains_are_PyTorchs(Nonlinearity nonlinearity, double gain) => Assert.Equal(gain, Init.Gain(nonlinearity), 1e-15);

    [Fact]
    public void The_same_stream_gives_the_same_values()
    {
        float[] Draw() => new Conv2d(3, 4, 3, random: new RandomStream(7)).Weight.Value.ToArray();
        Assert.Equal(Draw(), Draw());
    }

    [Fact]
    public void What_has_no_fan_or_is_computed_is_an_error()
    {
        var random = new RandomStream(0);
        Assert.Contains("has no fan", Assert.Throws<ShapeException>(() => Init.XavierNormal(new Linear(2, 2).Bias!, random)).Message);
        var linear = WeightNorm.Apply(new Linear(2, 2));
        Assert.Contains("computed from other parameters",
            Assert.Throws<MiniDLException>(() => Init.KaimingNormal(linear.Weight, random)).Message);
    }
}
