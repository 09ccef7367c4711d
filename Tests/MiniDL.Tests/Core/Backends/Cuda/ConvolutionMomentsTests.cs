using MiniDL.Backends;
using MiniDL.Backends.Cuda;
using MiniDL.Layers;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>Statistics that a convolution on tensor cores leaves of its output are those of the output as it is stored.</summary>
public class ConvolutionMomentsTests
{
    [GpuTheory]
    [InlineData(1, 16, 16, 16, 16, 1)]
    [InlineData(3, 16, 9, 21, 16, 1)]    // tiles that hang over the edges, some warps with nothing
    [InlineData(3, 32, 8, 8, 32, 1)]
    [InlineData(20, 64, 8, 8, 64, 1)]    // more blocks than threads for a channel
    [InlineData(2, 16, 16, 16, 32, 2)]
    [InlineData(2, 32, 7, 9, 64, 2)]
    public void They_are_the_mean_and_the_variance_of_the_values(int batch, int channels, int height, int width, int outputs, int stride)
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        var g = Window2d.Of("conv2d", [batch, channels, height, width], outputs, (3, 3), (stride, stride), (1, 1));
        foreach (var precision in new[] { Precision.Tf32, Precision.Bf16 })
            foreach (int walkers in new[] { 1024, 3 })
            {
                ((CudaBackend)device.Backend).MaxTileWalkers = walkers;
                var (y, mean, variance) = Run(device, g, precision, bias: 0.5);
                AssertMoments(y, mean, variance, 2e-6);
                var plain = Unset(device, g, precision);
                device.Backend.Conv2d(Image(device, g.Input, precision, 1), Weight(device, g), Bias(device, g, 0.5), plain, g);
                Assert.Equal(plain.ToArray(), y.ToArray());
            }
    }

    [GpuFact]
    public void A_gpu_with_less_shared_memory_leaves_them_too()
    {
        var g = Window2d.Of("conv2d", [20, 64, 8, 8], 64, (3, 3), (1, 1), (1, 1));
        using var fake = Gpu.OwnFake().Set("shared", 101_376);
        var (y, mean, variance) = Run(fake.Open(), g, Precision.Tf32, bias: 0.5);
        AssertMoments(y, mean, variance, 2e-6);
    }

    [GpuFact]
    public void A_large_mean_takes_nothing_from_the_variance()
    {
        // By Σx² − (Σx)²/n in float, the variance of values around 3,000 would be off by as much as it is.
        var g = Window2d.Of("conv2d", [4, 16, 16, 16], 16, (3, 3), (1, 1), (1, 1));
        using var fake = Gpu.OwnFake();
        var (y, mean, variance) = Run(fake.Open(), g, Precision.Tf32, bias: 3000);
        AssertMoments(y, mean, variance, 1e-4);
    }

    [GpuFact]
    public void Where_blocks_are_many_statistics_are_taken_apart()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        long Kernels()
        {
            device.Backend.Synchronize();
            return fake.Get("launches");
        }
        foreach (var (batch, kernels) in new[] { (32, 1), (33, 2) })
        {
            var g = Window2d.Of("conv2d", [batch, 16, 32, 32], 16, (3, 3), (1, 1), (1, 1));
            Tensor x = Tensor.New(g.Input, device, DType.F32, Layout.ChannelsLast), y = Tensor.NewLike(x), statistic = Tensor.Zeros([1, 16], device);
            Tensor weight = Weight(device, g), variance = Tensor.NewLike(statistic);
            // What a first launch needs (counters that start as zeros) is made before.
            device.Backend.Conv2dMoments(x, weight, null, y, OfBatch(g, statistic, variance), g);
            long before = Kernels();
            device.Backend.Conv2dMoments(x, weight, null, y, OfBatch(g, statistic, variance), g);
            Assert.Equal(kernels, Kernels() - before);
        }
    }

    [GpuTheory, InlineData(1), InlineData(4)]
    public void Bits_do_not_depend_on_the_order_of_warps_and_blocks(int order)
    {
        foreach (var (precision, channels) in new[] { (Precision.Tf32, 16), (Precision.Bf16, 64) })
        {
            var g = Window2d.Of("conv2d", [5, channels, 8, 8], channels, (3, 3), (1, 1), (1, 1));
            using FakeDriver first = Gpu.OwnFake(), second = Gpu.OwnFake().Set("order", order);
            var (one, other) = (Run(first.Open(), g, precision, 0.5), Run(second.Open(), g, precision, 0.5));
            Assert.Equal(one.Mean.ToArray(), other.Mean.ToArray());
            Assert.Equal(one.Variance.ToArray(), other.Variance.ToArray());
        }
    }

    [GpuFact]
    public void Batch_normalization_uses_them_unless_a_hook_has_changed_the_values()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        var conv = (Conv2d)new Conv2d(16, 16, 3, padding: 1).To(device);
        Norm norm = (Norm)new BatchNorm2d(16).To(device), groups = (Norm)new GroupNorm(4, 16).To(device);
        var x = Agreement.Normal(device, [2, 16, 8, 8], 1);
        x = new ConvNorm(conv, norm).Forward(x);
        long Launches(Norm norm)
        {
            device.Backend.Synchronize();
            long before = fake.Get("launches");
            new ConvNorm(conv, norm).Forward(x);
            device.Backend.Synchronize();
            return fake.Get("launches") - before;
        }
        // Convolution, normalization, running statistics.
        Assert.Equal(3, Launches(norm));
        // A hook that only looks; one that changes the values, whose statistics are then taken anew; one that puts others in their place.
        using (conv.OnForward((_, _, _) => null)) Assert.Equal(3, Launches(norm));
        using (conv.OnForward((_, _, y) =>
        {
            device.Backend.Fill(y, 1);
            y.Storage.Changes.Add();
            return null;
        })) Assert.Equal(3 + 1 + 1, Launches(norm));
        var other = Agreement.Normal(device, x.Shape, 2).ToLayout(Layout.ChannelsLast);
        using (conv.OnForward((_, _, _) => other))
        {
            var y = new ConvNorm(conv, norm).Forward(x);
            Assert.Equal(norm.Forward(other).ToArray(), y.ToArray());
        }
        // Evaluation takes constants, and group normalization has statistics of its own.
        norm.Eval();
        Assert.Null(norm.StatisticsOf(x.Shape));
        Assert.False(device.Backend.TakesMoments(groups.StatisticsOf(x.Shape)!.Value));
    }

    private static ChannelStatistics OfBatch(Window2d g, Tensor mean, Tensor variance) =>
        new(new NormGeometry(1, g.Batch * g.OutPixels, g.OutChannels, g.OutChannels), mean, variance);

    private static Tensor Image(Device device, Shape shape, Precision precision, int seed) =>
        (precision == Precision.Bf16 ? Bfloat16.Normal(device, shape, seed) : Agreement.Normal(device, shape, seed)).ToLayout(Layout.ChannelsLast);

    private static Tensor Unset(Device device, Window2d g, Precision precision) =>
        (precision == Precision.Bf16 ? Bfloat16.Unset(device, g.Output) : Agreement.Unset(device, g.Output)).ToLayout(Layout.ChannelsLast);

    private static Tensor Weight(Device device, Window2d g) => Agreement.Normal(device, [g.OutChannels, g.InChannels, 3, 3], 2);

    private static Tensor Bias(Device device, Window2d g, double bias) => Agreement.Normal(device, [g.OutChannels], 3, mean: bias);

    private static (Tensor Y, Tensor Mean, Tensor Variance) Run(Device device, Window2d g, Precision precision, double bias)
    {
        device = device.In(precision);
        Tensor y = Unset(device, g, precision), mean = Agreement.Unset(device, [1, g.OutChannels]), variance = Agreement.Unset(device, [1, g.OutChannels]);
        device.Backend.Conv2dMoments(Image(device, g.Input, precision, 1), Weight(device, g), Bias(device, g, bias), y, OfBatch(g, mean, variance), g);
        return (y, mean, variance);
    }

    /// <summary>By the definition, in double, of the values that were stored.</summary>
    private static void AssertMoments(Tensor y, Tensor mean, Tensor variance, double tolerance)
    {
        var values = y.ToArray<double>();
        int channels = y.Shape[1], pixels = y.Shape[2] * y.Shape[3];
        for (int c = 0; c < channels; c++)
        {
            double[] own = [.. values.Where((_, i) => i / pixels % channels == c)];
            double expected = own.Average(), spread = own.Average(v => (v - expected) * (v - expected));
            Assert.Equal(expected, mean.ToArray<double>()[c], tolerance * (1 + Math.Abs(expected)));
            Assert.Equal(spread, variance.ToArray<double>()[c], tolerance * (1 + spread));
        }
    }
}
