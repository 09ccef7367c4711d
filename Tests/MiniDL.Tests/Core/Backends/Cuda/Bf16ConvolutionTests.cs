using MiniDL.Backends;
using MiniDL.Backends.Cuda;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>
/// Convolutions of bfloat16, on tensor cores and generic, against the Reference device with the same rounded weights: what is left is one
/// rounding of y and dx, and for dw, in float, next to nothing.
/// </summary>
public class Bf16ConvolutionTests
{
    [GpuTheory, MemberData(nameof(TensorCoreConvolutionTests.Shapes), MemberType = typeof(TensorCoreConvolutionTests))]
    public void Tensor_cores_multiply_bfloat16_exactly(int batch, int channels, int height, int width, int outputs, int stride)
    {
        using var fake = Gpu.OwnFake();
        var (device, backend) = Open(fake, Precision.Bf16);
        var g = Window2d.Of("conv2d", [batch, channels, height, width], outputs, (3, 3), (stride, stride), (1, 1));
        Assert.NotNull(TensorCoreConvolution.OfForward(g, DType.BF16, backend.Context.MaxSharedBytes));
        Assert.NotNull(TensorCoreConvolution.OfInputGradient(g, DType.BF16, backend.Context.MaxSharedBytes));
        Assert.NotNull(TensorCoreConvolution.OfWeightGradient(g, DType.BF16, backend.Context.MaxSharedBytes));
        AssertOneRounding(Run(Device.Reference, g), Run(device, g), $"{g}");
    }

    [GpuTheory]
    [InlineData(2, 3, 9, 7, 16, 3, 1, 1)]    // the stem
    [InlineData(2, 16, 8, 8, 32, 1, 2, 0)]   // a shortcut
    [InlineData(1, 5, 12, 10, 70, 5, 2, 2)]
    [InlineData(2, 32, 8, 8, 32, 3, 1, 1)]   // also on tensor cores
    public void Generic_kernels_round_the_weights_as_tensor_cores_do(int batch, int channels, int height, int width, int outputs, int kernel, int stride, int pad)
    {
        using var fake = Gpu.OwnFake();
        var (device, _) = Open(fake, Precision.Fp32);
        var g = Window2d.Of("conv2d", [batch, channels, height, width], outputs, (kernel, kernel), (stride, stride), (pad, pad));
        AssertOneRounding(Run(Device.Reference, g), Run(device, g), $"{g}");
    }

    [GpuTheory, InlineData(1), InlineData(5)]
    public void Bits_do_not_depend_on_the_order_of_warps_and_blocks(int order)
    {
        foreach (var (channels, stride) in new[] { (16, 2), (32, 1) })
        {
            var g = Window2d.Of("conv2d", [2, channels, 8, 8], 32, (3, 3), (stride, stride), (1, 1));
            using FakeDriver first = Gpu.OwnFake(), second = Gpu.OwnFake().Set("order", order);
            foreach (var (a, b) in Run(Open(first, Precision.Bf16).Device, g).Zip(Run(Open(second, Precision.Bf16).Device, g)))
                Assert.Equal(a.ToArray(), b.ToArray());
        }
    }

    [GpuFact]
    public void A_block_that_goes_through_several_tiles_keeps_them_apart()
    {
        using var fake = Gpu.OwnFake();
        var (device, backend) = Open(fake, Precision.Bf16);
        backend.MaxTileWalkers = 2;
        foreach (int channels in new[] { 16, 64 })
        {
            var g = Window2d.Of("conv2d", [5, channels, 8, 8], channels, (3, 3), (1, 1), (1, 1));
            AssertOneRounding(Run(Device.Reference, g), Run(device, g), $"{g}");
        }
    }

    [GpuFact]
    public void Each_channel_of_a_pair_meets_its_own_weight()
    {
        // One input value and one weight, both ones: the output tells which places met. Were the halves of a word exchanged on one side
        // only, or words in the wrong place, nothing would meet, or something else.
        using var device = Gpu.Open(Precision.Bf16);
        var g = Window2d.Of("conv2d", [1, 32, 8, 8], 32, (3, 3), (1, 1), (1, 1));
        for (int channel = 0; channel < 32; channel++)
        {
            int output = (7 * channel + 3) % 32;
            double[] x = new double[32 * 64], weight = new double[32 * 32 * 9];
            (x[channel * 64 + 27], weight[(output * 32 + channel) * 9 + 4]) = (1, 1);
            var y = Bfloat16.Unset(device, g.Output).ToLayout(Layout.ChannelsLast);
            device.Backend.Conv2d(Bfloat16.Of(device, g.Input, x).ToLayout(Layout.ChannelsLast), Tensor.From(weight, [32, 32, 3, 3], device), null, y, g);
            var values = y.ToArray();
            Assert.Equal(output * 64 + 27, Array.IndexOf(values, 1));
            Assert.Equal(1, values.Sum());
        }
    }

    [GpuFact]
    public void Of_no_channels_it_is_the_bias_rounded()
    {
        using var device = Gpu.Open(Precision.Bf16);
        Tensor x = Tensor.Zeros([2, 0, 3, 3], device), weight = Tensor.Zeros([2, 0, 1, 1], device), bias = Tensor.From([1.0 / 3, -5], [2], device);
        var y = x.Conv2d(weight, bias);
        double[] ofImage = [.. Enumerable.Repeat(Bfloat16.Round(1.0 / 3), 9), .. Enumerable.Repeat(-5.0, 9)];
        Assert.Equal([.. ofImage, .. ofImage], y.ToArray<double>());
    }

    private static (Device Device, CudaBackend Backend) Open(FakeDriver fake, Precision precision)
    {
        var device = fake.Open(precision);
        var backend = (CudaBackend)device.Backend;
        return (device, backend);
    }

    /// <summary>The output with a bias, the input gradient, the weight gradient, and the input gradient added to the input.</summary>
    private static Tensor[] Run(Device device, Window2d g)
    {
        Tensor Image(Shape shape, int seed) => Bfloat16.Normal(device, shape, seed).ToLayout(Layout.ChannelsLast);
        Tensor Unset(Shape shape) => Bfloat16.Unset(device, shape).ToLayout(Layout.ChannelsLast);
        Shape kernel = [g.OutChannels, g.InChannels, g.KernelHeight, g.KernelWidth];
        // The GPU gets weights that have to be rounded, Reference has them rounded.
        double[] weights = Agreement.Normal(Device.Reference, kernel, 2).ToArray<double>();
        if (device == Device.Reference) weights = [.. weights.Select(Bfloat16.Round)];
        Tensor x = Image(g.Input, 1), weight = Tensor.From(weights, kernel, device), bias = Agreement.Normal(device, [g.OutChannels], 3);
        Tensor y = Unset(g.Output), dx = Unset(g.Input), dw = Agreement.Unset(device, kernel), dy = Image(g.Output, 4);
        device.Backend.Conv2d(x, weight, bias, y, g);
        device.Backend.Conv2dInputGradient(dy, weight, dx, g);
        device.Backend.Conv2dWeightGradient(x, dy, dw, g);
        var sum = x.Clone();
        device.Backend.AddConv2dInputGradient(dy, weight, sum, g);
        return [y, dx, dw, sum];
    }

    private static void AssertOneRounding(Tensor[] expected, Tensor[] got, string what)
    {
        Bfloat16.AssertRounded(expected[0], got[0], $"{what}, y", sums: 2e-5);
        Bfloat16.AssertRounded(expected[1], got[1], $"{what}, dx", sums: 2e-5);
        Bfloat16.AssertRounded(expected[3], got[3], $"{what}, x + dx", sums: 2e-5);
        var (dw, exact) = (got[2].ToArray<double>(), expected[2].ToArray<double>());
        double largest = exact.Max(Math.Abs);
        Assert.All(dw.Zip(exact), pair => Assert.InRange(pair.First, pair.Second - 2e-6 * largest, pair.Second + 2e-6 * largest));
    }
}
