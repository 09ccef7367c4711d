using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class BatchRenormTests
{
    private const double Eps = 1e-5;
    private static readonly int[] OverBatch = [0, 2, 3];

    /// <summary>A layer with random weights, and running statistics apart from those of its inputs: some channels reach a limit.</summary>
    private static BatchRenorm2d Layer(Device device, double rMax = 1.5, double dMax = 0.5)
    {
        var norm = new BatchRenorm2d(4, rMax, dMax);
        norm.To(device);
        Init.Normal(norm.Weight!, new RandomStream(1), mean: 1, std: 0.3);
        Init.Normal(norm.Bias!, new RandomStream(2));
        device.Backend.Upload<double>([0.4, 0.9, -3, 0.6], norm.RunningMean!.Value);
        device.Backend.Upload<double>([1.1, 0.8, 0.1, 9], norm.RunningVar!.Value);
        return norm;
    }

    private static Tensor Input(Device device, ulong seed = 3) => NormCases.Input([5, 4, 2, 3], device, seed, mean: 0.5);

    /// <summary>r and d of the batch by the paper's formulas, before the running statistics move.</summary>
    private static (double[] R, double[] D) Correction(Tensor x, BatchRenorm norm)
    {
        double[] mean = x.Mean(OverBatch).ToArray<double>(), square = x.Square().Mean(OverBatch).ToArray<double>();
        double[] runningMean = norm.RunningMean!.Value.ToArray<double>(), runningVar = norm.RunningVar!.Value.ToArray<double>();
        double[] r = new double[4], d = new double[4];
        for (int c = 0; c < 4; c++)
        {
            double running = Math.Sqrt(runningVar[c] + Eps);
            r[c] = Math.Clamp(Math.Sqrt(square[c] - mean[c] * mean[c] + Eps) / running, 1 / norm.RMax, norm.RMax);
            d[c] = Math.Clamp((mean[c] - runningMean[c]) / running, -norm.DMax, norm.DMax);
        }
        return (r, d);
    }

    private static Tensor Channels(double[] values) => Tensor.From(values, [4, 1, 1], Device.Reference);

    /// <summary>The paper's y with r and d as literals, by plain operators.</summary>
    private static Tensor Definition(Tensor x, Tensor weight, Tensor bias, double[] r, double[] d)
    {
        var centred = x - x.Mean(OverBatch, keepDim: true);
        var normalized = centred / (centred.Square().Mean(OverBatch, keepDim: true) + Eps).Sqrt();
        return (normalized * Channels(r) + Channels(d)) * weight.Reshape(4, 1, 1) + bias.Reshape(4, 1, 1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Output_and_gradients_are_the_papers_with_r_and_d_as_constants(bool fused)
    {
        var norm = Layer(Device.Reference);
        norm.Fused = fused;
        var x = NormCases.Leaf(Input(Device.Reference));
        var (r, d) = Correction(x.Detach(), norm);
        Assert.Equal([1.5, 1 / 1.5], new[] { r.Max(), r.Min() });
        Assert.Equal(0.5, d.Max());
        Assert.Contains(r, value => value is > 0.67 and < 1.49);
        Assert.Contains(d, value => Math.Abs(value) < 0.49);

        Tensor weight = norm.Weight!.Value, bias = norm.Bias!.Value;
        GradCheck.Of(() => Definition(x, weight, bias, r, d), x, weight, bias).ShouldAgreeWithin(1e-8);
        var cotangent = NormCases.Input(x.Shape, Device.Reference, seed: 7);
        var definition = Definition(x, weight, bias, r, d);
        var expected = Autograd.Grad(definition, [x, weight, bias], cotangent);
        var y = norm.Forward(x);
        NormCases.AssertClose(y, definition, 1e-12, "y");
        foreach (var (actual, gradient) in Autograd.Grad(y, [x, weight, bias], cotangent).Zip(expected))
            NormCases.AssertClose(actual, gradient, 1e-12, $"gradient {gradient.Shape}");
    }

    [Fact]
    public void Fused_agrees_with_plain_on_the_cpu_with_residual_and_activation()
    {
        BatchRenorm2d fused = Layer(Device.Cpu), plain = Layer(Device.Cpu);
        plain.Fused = false;
        Tensor x = NormCases.Leaf(Input(Device.Cpu)), residual = NormCases.Leaf(Input(Device.Cpu, seed: 4)),
            cotangent = Input(Device.Cpu, seed: 5);
        Tensor a = fused.Forward(x, residual, Activation.Relu), b = plain.Forward(x, residual, Activation.Relu);
        NormCases.AssertClose(a, b, 3e-6, "y");
        var actual = Autograd.Grad(a, [x, residual, fused.Weight!.Value, fused.Bias!.Value], cotangent);
        var expected = Autograd.Grad(b, [x, residual, plain.Weight!.Value, plain.Bias!.Value], cotangent);
        foreach (var (p, q) in actual.Zip(expected)) NormCases.AssertClose(p, q, 3e-5, $"gradient {q.Shape}");
    }

    [Fact]
    public void With_r_max_1_and_d_max_0_it_is_batch_norm()
    {
        var renorm = new BatchRenorm2d(4, rMax: 1, dMax: 0);
        var batch = new BatchNorm2d(4);
        foreach (Module norm in new Module[] { renorm, batch }) norm.To(Device.Reference);
        for (ulong seed = 0; seed < 3; seed++)
            NormCases.AssertClose(renorm.Forward(Input(Device.Reference, seed)), batch.Forward(Input(Device.Reference, seed)), 1e-14, "y");
        Assert.Equal(batch.StateDict().Keys, renorm.StateDict().Keys);
        foreach (var (key, value) in batch.StateDict())
            Assert.Equal(value.ToArray<double>(), renorm.StateDict()[key].ToArray<double>());
    }

    [Fact]
    public void Without_limits_training_gives_what_evaluation_would_have_given_before()
    {
        var norm = Layer(Device.Reference, double.PositiveInfinity, double.PositiveInfinity);
        var x = Input(Device.Reference);
        norm.Eval();
        var evaluated = norm.Forward(x);
        norm.Train();
        NormCases.AssertClose(norm.Forward(x), evaluated, 1e-13, "y");
        Assert.NotEqual(0.4, norm.RunningMean!.Value.ToArray<double>()[0]);
    }
}
