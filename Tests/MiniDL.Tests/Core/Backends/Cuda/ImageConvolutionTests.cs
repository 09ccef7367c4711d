using MiniDL.Backends;
using MiniDL.Backends.Cuda;

namespace MiniDL.Tests.Core.Backends.Cuda;

/// <summary>The kernels for convolutions of images with three channels, against the Reference device.</summary>
public class ImageConvolutionTests
{
    [GpuTheory]
    [InlineData(2, 8, 32, 16)]
    [InlineData(1, 9, 35, 32)]      // tiles that hang over the edges
    [InlineData(3, 5, 7, 48)]
    [InlineData(300, 3, 2, 16)]     // more tiles than blocks of the weight gradient
    public void Errors_are_those_of_float(int batch, int height, int width, int outputs)
    {
        var g = Window2d.Of("conv2d", [batch, 3, height, width], outputs, (3, 3), (1, 1), (1, 1));
        using var gpu = Gpu.Open(Precision.Fp32);
        foreach (bool biased in new[] { false, true })
        {
            var (y, dw) = Run(gpu, g, biased);
            var (expected, expectedWeight) = Run(Device.Reference, g, biased);
            AssertNear(expected, y);
            AssertNear(expectedWeight, dw);
        }
    }

    [Fact]
    public void Other_convolutions_have_none()
    {
        bool Fits(int channels, int outputs, int kernel, int stride, int pad) =>
            ImageConvolution.Fits(Window2d.Of("conv2d", [1, channels, 16, 16], outputs, (kernel, kernel), (stride, stride), (pad, pad)));
        Assert.True(Fits(3, 32, 3, 1, 1));
        Assert.False(Fits(4, 16, 3, 1, 1));
        Assert.False(Fits(3, 24, 3, 1, 1));
        Assert.False(Fits(3, 16, 5, 1, 1));
        Assert.False(Fits(3, 16, 3, 2, 1));
        Assert.False(Fits(3, 16, 3, 1, 0));
    }

    private static (double[] Y, double[] WeightGradient) Run(Device device, Window2d g, bool biased)
    {
        Tensor Channels(Shape shape, int seed) => Agreement.Normal(device, shape, seed).ToLayout(Layout.ChannelsLast);
        Shape kernel = [g.OutChannels, 3, 3, 3];
        Tensor x = Channels(g.Input, 1), weight = Agreement.Normal(device, kernel, 2), y = Agreement.Unset(device, g.Output).ToLayout(Layout.ChannelsLast);
        var bias = biased ? Agreement.Normal(device, [g.OutChannels], 3) : null;
        var dw = Agreement.Unset(device, kernel);
        device.Backend.Conv2d(x, weight, bias, y, g);
        device.Backend.Conv2dWeightGradient(x, Channels(g.Output, 4), dw, g);
        return (y.ToArray<double>(), dw.ToArray<double>());
    }

    private static void AssertNear(double[] expected, double[] got)
    {
        double size = expected.Max(Math.Abs);
        for (int i = 0; i < got.Length; i++) Assert.InRange(got[i] - expected[i], -1e-6 * size, 1e-6 * size);
    }
}
