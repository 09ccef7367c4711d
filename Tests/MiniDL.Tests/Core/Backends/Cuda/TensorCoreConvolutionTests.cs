using MiniDL.Backends;
using MiniDL.Backends.Cuda;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>
/// The convolutions on tensor cores against the Reference device with operands rounded to TF32: but for the sums of products, which are in
/// float, nothing is left.
/// </summary>
public class TensorCoreConvolutionTests
{
    // Operands that are not rounded, or cut off, are off by up to 2⁻¹¹ = 4.9e-4 and 2⁻¹⁰.
    private const double MaxError = 1e-6;

    /// <summary>Batch, channels, height, width, outputs and stride: one for every kernel, and sizes that tiles do not divide.</summary>
    public static TheoryData<int, int, int, int, int, int> Shapes => new()
    {
        { 1, 16, 16, 16, 16, 1 },
        { 2, 16, 9, 21, 16, 1 },    // tiles that hang over the edges
        { 3, 32, 8, 8, 32, 1 },
        { 1, 32, 10, 7, 64, 1 },
        { 2, 64, 8, 8, 64, 1 },
        { 2, 16, 16, 16, 32, 2 },
        { 1, 32, 16, 16, 64, 2 },
        { 2, 32, 7, 9, 64, 2 },     // odd sizes: the last row has no partner
    };

    [GpuTheory, MemberData(nameof(Shapes))]
    public void Operands_are_rounded_to_the_nearest_and_products_exact(int batch, int channels, int height, int width, int outputs, int stride)
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        var backend = (CudaBackend)device.Backend;
        var g = Window2d.Of("conv2d", [batch, channels, height, width], outputs, (3, 3), (stride, stride), (1, 1));
        Assert.NotNull(TensorCoreConvolution.OfForward(g, DType.F32, backend.Context.MaxSharedBytes));
        Assert.NotNull(TensorCoreConvolution.OfInputGradient(g, DType.F32, backend.Context.MaxSharedBytes));
        Assert.NotNull(TensorCoreConvolution.OfWeightGradient(g, DType.F32, backend.Context.MaxSharedBytes));
        var (got, expected) = (Run(device, g), Run(Device.Reference, g, rounded: true));
        for (int i = 0; i < got.Length; i++) Assert.InRange(RelativeError(got[i], expected[i]), 0, MaxError);
    }

    [GpuTheory, InlineData(0), InlineData(1), InlineData(5)]
    public void Bits_do_not_depend_on_the_order_of_warps_and_blocks(int order)
    {
        var g = Window2d.Of("conv2d", [2, 32, 8, 8], 32, (3, 3), (1, 1), (1, 1));
        using FakeDriver first = Gpu.OwnFake(), second = Gpu.OwnFake().Set("order", order);
        var (one, other) = (first.Open(), second.Open());
        foreach (var (a, b) in Run(one, g).Zip(Run(other, g))) Assert.Equal(a, b);
    }

    [GpuFact]
    public void A_block_that_goes_through_several_tiles_keeps_them_apart()
    {
        using var fake = Gpu.OwnFake();
        var device = fake.Open();
        ((CudaBackend)device.Backend).MaxTileWalkers = 2;
        foreach (int channels in new[] { 16, 64 })
        {
            var g = Window2d.Of("conv2d", [5, channels, 8, 8], channels, (3, 3), (1, 1), (1, 1));
            var (got, expected) = (Run(device, g), Run(Device.Reference, g, rounded: true));
            for (int i = 0; i < got.Length; i++) Assert.InRange(RelativeError(got[i], expected[i]), 0, MaxError);
        }
    }

    // 101,376 bytes: GeForce RTX 30, 40 and 50. Where there are less than 75 KB, the generic kernels do all of it.
    [GpuTheory]
    [InlineData(101_376, "conv3x3_64_16_tf32", "conv3x3_gradient_64_16_tf32", "conv3x3_stride2_gradient_64_16_tf32")]
    [InlineData(64 << 10, null, null, null)]
    public void Gpus_with_less_shared_memory_have_kernels_that_take_less(int sharedBytes, string? forward, string? gradient, string? strideTwo)
    {
        var g = Window2d.Of("conv2d", [5, 64, 9, 8], 64, (3, 3), (1, 1), (1, 1));
        var reducing = Window2d.Of("conv2d", [2, 32, 7, 9], 64, (3, 3), (2, 2), (1, 1));
        Assert.Equal(forward, TensorCoreConvolution.OfForward(g, DType.F32, sharedBytes)?.Kernel.Name);
        Assert.Equal(gradient, TensorCoreConvolution.OfInputGradient(g, DType.F32, sharedBytes)?.Kernel.Name);
        Assert.Equal(strideTwo, TensorCoreConvolution.OfInputGradient(reducing, DType.F32, sharedBytes)?.Kernel.Name);
        Assert.Equal("conv3x3_64_32_bf16", TensorCoreConvolution.OfForward(g, DType.BF16, sharedBytes)?.Kernel.Name);
        using var fake = Gpu.OwnFake().Set("shared", sharedBytes).Set("capability", 86);
        var device = fake.Open();
        foreach (int walkers in new[] { 1024, 2 })
            foreach (var shape in new[] { g, reducing })
            {
                ((CudaBackend)device.Backend).MaxTileWalkers = walkers;
                double[][] got = Run(device, shape), exact = Run(Device.Reference, shape), rounded = Run(Device.Reference, shape, rounded: true);
                bool onTensorCores = forward is not null;
                for (int i = 0; i < got.Length; i++) Assert.InRange(RelativeError(got[i], (onTensorCores ? rounded : exact)[i]), 0, MaxError);
            }
    }

    [Fact]
    public void Other_shapes_have_none()
    {
        const int plenty = 1 << 20;
        Window2d Of(int channels, int outputs, int kernel, int stride, int pad) =>
            Window2d.Of("conv2d", [1, channels, 16, 16], outputs, (kernel, kernel), (stride, stride), (pad, pad));
        Assert.Null(TensorCoreConvolution.OfForward(Of(3, 16, 3, 1, 1), DType.F32, plenty));
        Assert.Null(TensorCoreConvolution.OfForward(Of(16, 16, 1, 1, 0), DType.F32, plenty));
        Assert.Null(TensorCoreConvolution.OfForward(Of(16, 16, 3, 3, 1), DType.F32, plenty));
        Assert.Null(TensorCoreConvolution.OfForward(Of(32, 48, 3, 1, 1), DType.F32, plenty));
        Assert.Null(TensorCoreConvolution.OfWeightGradient(Of(24, 16, 3, 1, 1), DType.F32, plenty));
        Assert.Equal("conv3x3_weight_gradient_16_16_tf32", TensorCoreConvolution.OfWeightGradient(Of(48, 16, 3, 1, 1), DType.F32, plenty)!.Kernel.Name);
    }

    /// <summary>The output with a bias, the input gradient, the weight gradient, and the input gradient added to the input.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="g">The convolution.</param>
    /// <param name="rounded">Whether operands are rounded to TF32 before; the input that is added to is not.</param>
    private static double[][] Run(Device device, Window2d g, bool rounded = false)
    {
        Tensor Normal(Shape shape, int seed)
        {
            var x = Agreement.Normal(device, shape, seed);
            return rounded ? Tensor.From([.. x.ToArray<double>().Select(Tf32.Round)], shape, device) : x;
        }
        Tensor Channels(Shape shape, int seed) => Normal(shape, seed).ToLayout(Layout.ChannelsLast);
        Tensor Unset(Shape shape) => Agreement.Unset(device, shape).ToLayout(Layout.ChannelsLast);
        Shape kernel = [g.OutChannels, g.InChannels, 3, 3];
        Tensor x = Channels(g.Input, 1), weight = Normal(kernel, 2), bias = Agreement.Normal(device, [g.OutChannels], 3);
        Tensor y = Unset(g.Output), dx = Unset(g.Input), dw = Agreement.Unset(device, kernel), dy = Channels(g.Output, 4);
        device.Backend.Conv2d(x, weight, bias, y, g);
        device.Backend.Conv2dInputGradient(dy, weight, dx, g);
        device.Backend.Conv2dWeightGradient(x, dy, dw, g);
        var sum = Agreement.Normal(device, g.Input, 1).ToLayout(Layout.ChannelsLast);
        device.Backend.AddConv2dInputGradient(dy, weight, sum, g);
        return [y.ToArray<double>(), dx.ToArray<double>(), dw.ToArray<double>(), sum.ToArray<double>()];
    }

    private static double RelativeError(double[] got, double[] expected)
    {
        double apart = 0, size = 0;
        for (int i = 0; i < got.Length; i++)
        {
            apart += (got[i] - expected[i]) * (got[i] - expected[i]);
            size += expected[i] * expected[i];
        }
        return Math.Sqrt(apart / size);
    }
}
