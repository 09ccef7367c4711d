using MiniDL.Layers;
using MiniDL.Tests.Core.Backends.Cuda;
using MiniDL.Tests.Layers;

namespace MiniDL.Tests.Core.Ops;

/// <summary>
/// An exact convolution has none of what Winograd's algorithm brings; each test shows that the shape is one where the fast one differs.
/// Truth is the Reference device's sum in double.
/// </summary>
public class ExactConvolutionTests
{
    private const int Side = 24, Channels = 32;

    private static Tensor Images(Func<int, int, double> value, ulong seed = 1)
    {
        var random = new RandomStream(seed);
        var values = new double[Channels * Side * Side];
        for (int i = 0; i < values.Length; i++) values[i] = random.NextNormal() * value(i / Side % Side, i % Side);
        return Tensor.From(values, [1, Channels, Side, Side]).ToLayout(Layout.ChannelsLast);
    }

    private static readonly Tensor Weight = Tensor.Normal([Channels, Channels, 3, 3], new RandomStream(2), std: 0.06);

    private static float[] Forward(Tensor x, Tensor weight, ConvAlgorithm algorithm) =>
        x.Conv2d(weight, padding: (1, 1), algorithm: algorithm).ToArray();

    private static double[] Truth(Tensor x, Tensor weight) =>
        x.To(Device.Reference).Conv2d(weight.To(Device.Reference), padding: (1, 1)).ToArray<double>();

    private static double WorstError(float[] y, double[] truth) => y.Zip(truth, (a, b) => Math.Abs(a - b)).Max();

    [Fact]
    public void Its_error_is_a_fraction_of_the_fast_ones()
    {
        var x = Images((_, _) => 1);
        double[] truth = Truth(x, Weight);
        double exact = WorstError(Forward(x, Weight, ConvAlgorithm.Exact), truth), fast = WorstError(Forward(x, Weight, ConvAlgorithm.Fastest), truth);
        Assert.True(exact < 4e-6 && fast > 1.5 * exact, $"exact {exact:E1}, fastest {fast:E1}");
    }

    public static TheoryData<float> Pixels => [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e20f, 3e38f];

    /// <summary>Pixel (9, 10) of channel 3, in whatever place of a tile: outputs from (8, 9) to (10, 11) see it.</summary>
    [Theory, MemberData(nameof(Pixels))]
    public void One_pixel_reaches_the_outputs_whose_windows_hold_it_and_no_others(float pixel)
    {
        Tensor clean = Images((_, _) => 1), dirty = clean.Clone();
        dirty.AsTensorSpan()[0, 3, 9, 10] = pixel;
        AssertLocal(Forward(clean, Weight, ConvAlgorithm.Exact), Forward(dirty, Weight, ConvAlgorithm.Exact));
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() =>
            AssertLocal(Forward(clean, Weight, ConvAlgorithm.Fastest), Forward(dirty, Weight, ConvAlgorithm.Fastest)));
        // The input gradient is a convolution of dy, with the same reach.
        AssertLocal(InputGradient(clean), InputGradient(dirty));

        static float[] InputGradient(Tensor dy)
        {
            var x = NormCases.Leaf(Tensor.Zeros(dy.Shape));
            x.Conv2d(Weight, padding: (1, 1), algorithm: ConvAlgorithm.Exact).Backward(dy);
            return x.Grad!.ToArray();
        }
    }

    private static void AssertLocal(float[] clean, float[] dirty)
    {
        for (int i = 0; i < clean.Length; i++)
        {
            var (row, column) = (i / Side % Side, i % Side);
            if (row is < 8 or > 10 || column is < 9 or > 11) Assert.Equal(clean[i], dirty[i]);
        }
    }

    [Theory, MemberData(nameof(Pixels))]
    public void One_pixel_reaches_the_weight_gradients_of_its_channel_and_no_others(float pixel)
    {
        Tensor clean = Images((_, _) => 1), dirty = clean.Clone(), dy = Images((_, _) => 1, seed: 5);
        dirty.AsTensorSpan()[0, 3, 9, 10] = pixel;
        float[] expected = WeightGradient(clean), actual = WeightGradient(dirty);
        for (int i = 0; i < expected.Length; i++)
            if (i / 9 % Channels != 3) Assert.Equal(expected[i], actual[i]);

        float[] WeightGradient(Tensor x)
        {
            var weight = NormCases.Leaf(Weight.Clone());
            x.Conv2d(weight, padding: (1, 1), algorithm: ConvAlgorithm.Exact).Backward(dy);
            return weight.Grad!.ToArray();
        }
    }

    [Fact]
    public void Products_that_are_not_negative_add_up_to_none_that_is()
    {
        // Zeros but for a bright column: what the fast one leaves beside it is rounding of the bright values.
        Tensor x = Images((_, column) => column == 6 ? 1000 : 0).Abs(), weight = Weight.Abs();
        Assert.All(Forward(x, weight, ConvAlgorithm.Exact), y => Assert.True(y >= 0));
        Assert.Contains(Forward(x, weight, ConvAlgorithm.Fastest), y => y < 0);
    }

    /// <summary>A column of 10⁴ among 10⁻²: beside its windows the error is to be relative to what is there.</summary>
    [Fact]
    public void Small_values_beside_large_ones_keep_their_digits()
    {
        var x = Images((_, column) => column == 6 ? 1e4 : 1e-2);
        double[] truth = Truth(x, Weight);
        Assert.InRange(ErrorBeside(Forward(x, Weight, ConvAlgorithm.Exact)), 0, 1e-6);
        Assert.True(ErrorBeside(Forward(x, Weight, ConvAlgorithm.Fastest)) > 1e-3);

        double ErrorBeside(float[] y)
        {
            int[] beside = [.. Enumerable.Range(0, y.Length).Where(i => i % Side is 4 or 8)];
            double error = beside.Sum(i => (y[i] - truth[i]) * (y[i] - truth[i])), size = beside.Sum(i => truth[i] * truth[i]);
            return Math.Sqrt(error / size);
        }
    }

    [GpuFact]
    public void On_a_gpu_it_is_in_float_whatever_the_precision()
    {
        using var tf32 = Gpu.Open(Precision.Tf32);
        using var fp32 = Gpu.Open(Precision.Fp32);
        float[] exact = Run(tf32, ConvAlgorithm.Exact);
        Assert.Equal(Run(fp32, ConvAlgorithm.Fastest), exact);
        Assert.NotEqual(exact, Run(tf32, ConvAlgorithm.Fastest));

        static float[] Run(Device device, ConvAlgorithm algorithm)
        {
            Tensor x = NormCases.Leaf(NormCases.Input([1, 16, 8, 8], device, seed: 1)), weight = NormCases.Leaf(NormCases.Input([16, 16, 3, 3], device, seed: 2));
            var y = x.Conv2d(weight, padding: (1, 1), algorithm: algorithm);
            y.Backward(NormCases.Input(y.Shape, device, seed: 3));
            return [.. y.ToArray(), .. x.Grad!.ToArray(), .. weight.Grad!.ToArray()];
        }
    }

    [Fact]
    public void The_default_of_one_thread_is_not_that_of_another()
    {
        var x = Images((_, _) => 1);
        float[] exact = Forward(x, Weight, ConvAlgorithm.Exact), fast = Forward(x, Weight, ConvAlgorithm.Fastest);
        float[] Default() => x.Conv2d(Weight, padding: (1, 1)).ToArray();
        using (ConvDefaults.OnThisThread(ConvAlgorithm.Exact))
        {
            Assert.Equal(exact, Default());
            float[]? elsewhere = null;
            var other = new Thread(() => elsewhere = Default());
            other.Start();
            other.Join();
            Assert.Equal(fast, elsewhere);
            using (ConvDefaults.OnThisThread(ConvAlgorithm.Fastest)) Assert.Equal(fast, Default());
            Assert.Equal(exact, Default());
        }
        Assert.Equal(fast, Default());
    }

    [Fact]
    public void The_layer_the_operator_and_the_process_choose_in_this_order()
    {
        var x = Images((_, _) => 1);
        var conv = new Conv2d(Channels, Channels, 3, padding: 1, bias: false);
        float[] exact = Forward(x, conv.Weight.Value, ConvAlgorithm.Exact), fast = Forward(x, conv.Weight.Value, ConvAlgorithm.Fastest);
        Assert.NotEqual(exact, fast);
        Assert.Equal(fast, conv.Forward(x).ToArray());
        conv.Algorithm = ConvAlgorithm.Exact;
        Assert.Equal(exact, conv.Forward(x).ToArray());
        conv.Eval();
        var norm = new BatchNorm2d(Channels);
        norm.Eval();
        using (new NoGrad()) Assert.Equal(norm.Forward(conv.Forward(x)).ToArray(), new ConvNorm(conv, norm).Forward(x).ToArray());
    }
}

/// <summary>Changes what the whole process does, so that no other test may run beside it.</summary>
[Collection(Backends.ThreadCounts.Collection)]
public class ConvDefaultsTests
{
    [Fact]
    public void The_process_wide_default_holds_where_nothing_else_was_said_and_backward_follows_forward()
    {
        Tensor x = NormCases.Leaf(Tensor.Normal([1, 16, 8, 8], new RandomStream(1))), weight = Tensor.Normal([16, 16, 3, 3], new RandomStream(2));
        float[] Run(ConvAlgorithm? algorithm, ConvAlgorithm atBackward)
        {
            x.ZeroGrad();
            var y = x.Conv2d(weight, padding: (1, 1), algorithm: algorithm);
            ConvDefaults.Algorithm = atBackward;
            y.Backward(Tensor.Normal(y.Shape, new RandomStream(3)));
            return [.. y.ToArray(), .. x.Grad!.ToArray()];
        }
        var before = ConvDefaults.Algorithm;
        try
        {
            float[] exact = Run(ConvAlgorithm.Exact, ConvAlgorithm.Fastest), fast = Run(ConvAlgorithm.Fastest, ConvAlgorithm.Exact);
            Assert.NotEqual(exact, fast);
            ConvDefaults.Algorithm = ConvAlgorithm.Exact;
            Assert.Equal(exact, Run(null, ConvAlgorithm.Fastest));
            Assert.Equal(fast, Run(null, ConvAlgorithm.Exact));
        }
        finally
        {
            ConvDefaults.Algorithm = before;
        }
    }
}
