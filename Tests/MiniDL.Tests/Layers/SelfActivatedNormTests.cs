using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

/// <summary>FRN, the EvoNorms and DyT against their formulas, value by value in double, and where their activation goes.</summary>
public class SelfActivatedNormTests
{
    private const int N = 3, C = 4, Pixels = 6;

    private static readonly double[] Gamma = [1.5, -0.5, 2, 0.7], Beta = [0.1, 0.2, -0.3, 0], Third = [0.4, -0.6, 0.05, 1];

    /// <summary>The layer with γ, β and τ or v from above, its output for one input, and that input.</summary>
    private static (double[] X, double[] Y) Run(Norm norm, bool training = true)
    {
        Upload(norm, "weight", Gamma);
        Upload(norm, "bias", Beta);
        Upload(norm, "tau", Third);
        Upload(norm, "v", Third);
        var x = NormCases.Input([N, C, 2, 3], Device.Reference, seed: 4, mean: 0.5);
        return (x.ToArray<double>(), norm.To(Device.Reference).Train(training).Forward(x).ToArray<double>());
    }

    private static void Upload(Norm norm, string name, double[] values)
    {
        if (norm.NamedParameters().FirstOrDefault(p => p.Path == name).Parameter is { } parameter)
            Device.Cpu.Backend.Upload<double>(values, parameter.Value);
    }

    private static void AssertEach(double[] y, Func<int, int, int, double> expected)
    {
        for (int i = 0; i < y.Length; i++)
            Assert.Equal(expected(i, i / Pixels / C, i / Pixels % C), y[i], 1e-6);
    }

    private static double[] Image(double[] x, int n, int c) => x[((n * C + c) * Pixels)..((n * C + c + 1) * Pixels)];

    private static double Variance(IEnumerable<double> values)
    {
        double mean = values.Average();
        return values.Average(v => (v - mean) * (v - mean));
    }

    private static IEnumerable<double> Channel(double[] x, int c) => Enumerable.Range(0, N).SelectMany(n => Image(x, n, c));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Frn_divides_by_the_root_mean_square_of_the_pixels_and_cuts_at_the_threshold(bool training)
    {
        var (x, y) = Run(new FilterResponseNorm2d(C, eps: 0.01), training);
        AssertEach(y, (i, n, c) =>
            Math.Max(Gamma[c] * x[i] / Math.Sqrt(Image(x, n, c).Average(v => v * v) + 0.01) + Beta[c], (float)Third[c]));
        Assert.Contains(0.4f, y.Select(v => (float)v));
        (x, y) = Run(new FilterResponseNorm2d(C, eps: 0.01, activation: false), training);
        AssertEach(y, (i, n, c) => Gamma[c] * x[i] / Math.Sqrt(Image(x, n, c).Average(v => v * v) + 0.01) + Beta[c]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void EvoNorm_s0_gates_and_divides_by_the_deviation_of_the_group(bool training)
    {
        var (x, y) = Run(new EvoNormS0(2, C, eps: 0.01), training);
        AssertEach(y, (i, n, c) =>
        {
            double variance = Variance([.. Image(x, n, c / 2 * 2), .. Image(x, n, c / 2 * 2 + 1)]);
            return x[i] / (1 + Math.Exp(-Third[c] * x[i])) / Math.Sqrt(variance + 0.01) * Gamma[c] + Beta[c];
        });
    }

    [Fact]
    public void EvoNorm_b0_divides_by_the_larger_of_batch_deviation_and_gated_instance_deviation()
    {
        var norm = new EvoNormB0(C, eps: 0.01, momentum: 0.25);
        var (x, y) = Run(norm);
        double Expected(int i, int n, int c, double variance) => x[i] / Math.Max(Math.Sqrt(variance + 0.01),
            Third[c] * x[i] + Math.Sqrt(Variance(Image(x, n, c)) + 0.01)) * Gamma[c] + Beta[c];
        AssertEach(y, (i, n, c) => Expected(i, n, c, Variance(Channel(x, c))));

        double[] running = [.. Enumerable.Range(0, C).Select(c => 0.75 + 0.25 * Variance(Channel(x, c)) * N * Pixels / (N * Pixels - 1))];
        Assert.Equal(running, norm.RunningVar!.Value.ToArray<double>(), (a, b) => Math.Abs(a - b) < 1e-12);
        (_, y) = Run(norm, training: false);
        AssertEach(y, (i, n, c) => Expected(i, n, c, running[c]));
        Assert.Equal(running, norm.RunningVar!.Value.ToArray<double>(), (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void Without_their_activation_the_EvoNorms_are_a_scale_and_a_shift_and_have_no_other_state()
    {
        foreach (Norm norm in new Norm[] { new EvoNormS0(2, C, activation: false), new EvoNormB0(C, activation: false) })
        {
            var (x, y) = Run(norm);
            AssertEach(y, (i, _, c) => x[i] * Gamma[c] + Beta[c]);
            Assert.Equal(["weight", "bias"], norm.StateDict().Keys);
            Assert.False(norm.IncludesActivation);
        }
    }

    [Fact]
    public void Dynamic_tanh_squashes_each_value()
    {
        var norm = new DynamicTanh(C, alpha: 0.75);
        var (x, y) = Run(norm);
        AssertEach(y, (i, _, c) => Math.Tanh(0.75 * x[i]) * Gamma[c] + Beta[c]);
        Assert.Equal(["alpha", "weight", "bias"], norm.StateDict().Keys);
        Assert.Equal(0.5f, new DynamicTanh(C).Alpha.Value.Item());
    }

    [Fact]
    public void States_have_timms_names()
    {
        Assert.Equal(["weight", "bias", "tau"], new FilterResponseNorm2d(C).StateDict().Keys);
        Assert.Equal(["weight", "bias", "v"], new EvoNormS0(2, C).StateDict().Keys);
        Assert.Equal(["weight", "bias", "v", "running_var"], new EvoNormB0(C).StateDict().Keys);
        Assert.Equal(["skipinit_gain"], new SkipInit().StateDict().Keys);
    }

    /// <summary>EvoNorm-S0 gives negative values, which a ReLU after it would cut off.</summary>
    [Fact]
    public void Its_own_activation_replaces_the_one_asked_for_unless_a_residual_comes_between()
    {
        var norm = new EvoNormS0(2, C);
        var x = NormCases.Input([N, C, 2, 3], Device.Cpu, seed: 4);
        var residual = NormCases.Input([N, C, 2, 3], Device.Cpu, seed: 5);
        var y = norm.Forward(x);
        Assert.Contains(y.ToArray(), v => v < 0);
        Assert.Equal(y.ToArray(), norm.Forward(x, activation: Activation.Relu).ToArray());
        Assert.Equal((y + residual).Relu().ToArray(), norm.Forward(x, residual, Activation.Relu).ToArray());
        Assert.Equal((y + residual).ToArray(), norm.Forward(x, residual).ToArray());
        Assert.Equal(y.Relu().ToArray(), new Sequential(norm, new Relu()).Forward(x).ToArray());
    }
}
