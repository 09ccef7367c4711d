using MiniDL.Backends;

namespace MiniDL.Tests.Core.Backends;

/// <summary>
/// A convolution that normalizes its input as it reads it gives the same bits as normalization and convolution one after the other, and so do its
/// gradients.
/// </summary>
[Collection(ThreadCounts.Collection)]
public class NormalizedInputTests
{
    public static TheoryData<Window2d, int, bool, bool> Cases()
    {
        var cases = new TheoryData<Window2d, int, bool, bool>();
        void Add(int n, int c, int k, int h, int w, int pad)
        {
            foreach (int groups in new[] { 0, 1, 4, c })
                foreach (bool affine in new[] { true, false })
                    cases.Add(Window2d.Of("test", [n, c, h, w], k, (3, 3), (1, 1), (pad, pad)), groups, affine, affine);
            cases.Add(Window2d.Of("test", [n, c, h, w], k, (3, 3), (1, 1), (pad, pad)), 4, true, false);
        }

        // Where an image is a chunk of sums, several images are one, and one image is several; blocks with the ends of images in the middle.
        Add(4, 16, 16, 32, 32, 1);
        Add(9, 32, 32, 16, 16, 1);
        Add(18, 64, 64, 8, 8, 1);
        Add(5, 16, 32, 13, 17, 1);
        Add(7, 48, 16, 9, 6, 1);
        Add(4, 16, 16, 64, 48, 1);
        Add(6, 32, 16, 7, 10, 2);
        Add(6, 16, 48, 12, 20, 0);
        return cases;
    }

    /// <param name="g">The convolution.</param>
    /// <param name="groups">Of each image; 0 for statistics of the whole batch.</param>
    /// <param name="affine">Whether there are a weight and a bias.</param>
    /// <param name="relu">Whether negative values become 0.</param>
    [Theory, MemberData(nameof(Cases))]
    public void It_is_both_one_after_the_other(Window2d g, int groups, bool affine, bool relu)
    {
        var geometry = Of(g.Input, groups);
        if (geometry.ValuesPerStatistic == 1) return;
        // Statistics of the whole batch are only taken on the way where chunks of sums are whole images.
        if (groups > 0) Assert.True(Device.Cpu.Backend.NormalizesInput(geometry, g));
        Tensor[] apart = OneAfterTheOther(Device.Cpu, g, geometry, affine, relu), exact = OneAfterTheOther(Device.Reference, g, geometry, affine, relu);
        for (int threads = 1; threads <= 3; threads++)
        {
            using var _ = new ThreadCounts(threads);
            var together = Together(Device.Cpu, g, geometry, affine, relu);
            Assert.Equal(apart.Select(t => t.ToArray()), together.Select(t => t.ToArray()));
        }
        foreach (var (got, expected) in apart.Zip(exact)) MiniDL.Tests.Layers.NormCases.AssertClose(got, expected, 2e-5, $"{g}, {groups} groups");
        var reference = Together(Device.Reference, g, geometry, affine, relu);
        Assert.Equal(exact.Select(t => t.ToArray<double>()), reference.Select(t => t.ToArray<double>()));
    }

    [Fact]
    public void The_shapes_of_a_resnet_are_normalized_on_read_for_all_but_the_smallest_batches()
    {
        foreach (var (channels, size, together) in new[] { (16, 32, 1), (32, 16, 2), (64, 8, 4) })
            foreach (int batch in new[] { 2, 8, 32, 128 })
            {
                var g = Window2d.Of("test", [batch, channels, size, size], channels, (3, 3), (1, 1), (1, 1));
                Assert.Equal(batch >= 4 * together, Device.Cpu.Backend.NormalizesInput(Of(g.Input, 0), g));
                Assert.Equal(batch >= 4, Device.Cpu.Backend.NormalizesInput(Of(g.Input, 8), g));
                Assert.False(Device.Reference.Backend.NormalizesInput(Of(g.Input, 8), g));
                // The gradient of an image can lie over the image only if it depends on no other.
                Assert.Equal(batch >= 4, Device.Cpu.Backend.NormalizesConv2dGradientInPlace(Of(g.Input, 8), g));
                Assert.False(Device.Cpu.Backend.NormalizesConv2dGradientInPlace(Of(g.Input, 0), g));
            }
    }

    /// <summary>dx lies in the place of x, the residual's gradient in that of dy.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void A_norms_gradients_can_lie_over_what_it_reads(int groups)
    {
        Shape shape = [16, 16, 16, 16];
        var geometry = Of(shape, groups);
        var backend = Device.Cpu.Backend;
        Assert.True(backend.NormalizesGradientInPlace);
        Tensor x = Images(Device.Cpu, shape, 1), dy = Images(Device.Cpu, shape, 2), y = Tensor.NewLike(x);
        var norm = Norm(Device.Cpu, geometry, affine: true, relu: true) with { Residual = Images(Device.Cpu, shape, 4) };
        backend.MomentsAndNormalize(x, norm, y);
        NormGradients apart = Unset(x, geometry.Channels), over = Unset(x, geometry.Channels) with { X = x.Clone(), Residual = dy.Clone() };
        backend.NormalizeGradient(dy, x, y, norm, apart);
        backend.NormalizeGradient(over.Residual!, over.X!, y, norm, over);
        Assert.Equal(Values(apart), Values(over));
    }

    private static float[][] Values(NormGradients d) => [.. new[] { d.X, d.Weight, d.Bias, d.Residual }.Select(t => t!.ToArray())];

    private static NormGeometry Of(Shape images, int groups)
    {
        var (n, c, pixels) = (images[0], images[1], images[2] * images[3]);
        return groups == 0 ? new NormGeometry(1, n * pixels, c, c) : new NormGeometry(n, pixels, c, groups);
    }

    private static Tensor[] OneAfterTheOther(Device device, Window2d g, NormGeometry geometry, bool affine, bool relu)
    {
        var backend = device.Backend;
        Tensor x = Images(device, g.Input, 1), dy = Images(device, g.Output, 2), weight = Weight(device, g), bias = Agreement.Normal(device, [g.OutChannels], 3);
        var norm = Norm(device, geometry, affine, relu);
        Tensor z = Tensor.NewLike(x), y = Agreement.Unset(device, g.Output).ToLayout(Layout.ChannelsLast), dz = Tensor.NewLike(x), dw = Agreement.Unset(device, weight.Shape);
        backend.MomentsAndNormalize(x, norm, z);
        backend.Conv2d(z, weight, bias, y, g);
        var statistics = Statistics(device, g, geometry);
        backend.Moments(y, statistics.Mean, statistics.Variance, statistics.Geometry);
        backend.Conv2dInputGradient(dy, weight, dz, g);
        var d = Unset(x, geometry.Channels) with { Residual = null };
        backend.NormalizeGradient(dz, x, z, norm, d);
        backend.Conv2dWeightGradient(z, dy, dw, g);
        return [y, statistics.Mean, statistics.Variance, d.X!, d.Weight!, d.Bias!, dw];
    }

    private static Tensor[] Together(Device device, Window2d g, NormGeometry geometry, bool affine, bool relu)
    {
        var backend = device.Backend;
        Tensor x = Images(device, g.Input, 1), dy = Images(device, g.Output, 2), weight = Weight(device, g), bias = Agreement.Normal(device, [g.OutChannels], 3);
        var norm = Norm(device, geometry, affine, relu);
        backend.Moments(x, norm.Mean, norm.Variance, geometry);
        Tensor y = Agreement.Unset(device, g.Output).ToLayout(Layout.ChannelsLast), dw = Agreement.Unset(device, weight.Shape);
        var statistics = Statistics(device, g, geometry);
        backend.NormalizeConv2d(x, norm, weight, bias, y, statistics, g);
        var d = Unset(x, geometry.Channels) with { Residual = null };
        backend.NormalizeConv2dInputGradient(dy, x, norm, weight, d, g);
        backend.NormalizeConv2dWeightGradient(dy, x, norm, dw, g);
        // The sums of the parameters alone are the same.
        var parameters = d with { X = null, Weight = Agreement.Unset(device, [geometry.Channels]), Bias = Agreement.Unset(device, [geometry.Channels]) };
        backend.NormalizeConv2dInputGradient(dy, x, norm, weight, parameters, g);
        Assert.Equal(d.Weight!.ToArray(), parameters.Weight.ToArray());
        if (backend.NormalizesConv2dGradientInPlace(geometry, g))
        {
            var overX = x.Clone();
            backend.NormalizeConv2dInputGradient(dy, overX, norm, weight, d with { X = overX }, g);
            Assert.Equal(d.X!.ToArray(), overX.ToArray());
        }
        return [y, statistics.Mean, statistics.Variance, d.X!, d.Weight!, d.Bias!, dw];
    }

    /// <summary>Those of the output, over the batch or in groups like the input's.</summary>
    private static ChannelStatistics Statistics(Device device, Window2d g, NormGeometry input)
    {
        var geometry = Of(g.Output, input.Samples == 1 ? 0 : 4);
        return new ChannelStatistics(geometry, Agreement.Unset(device, [geometry.Samples, geometry.Groups]), Agreement.Unset(device, [geometry.Samples, geometry.Groups]));
    }

    private static NormArguments Norm(Device device, NormGeometry geometry, bool affine, bool relu) =>
        NormArguments.ByOwnStatistics(geometry, device, 1e-5) with
        {
            Weight = affine ? Agreement.Normal(device, [geometry.Channels], 5, mean: 1, std: 0.5) : null,
            Bias = affine ? Agreement.Normal(device, [geometry.Channels], 6) : null,
            Activation = relu ? Activation.Relu : Activation.None,
        };

    private static NormGradients Unset(Tensor x, int channels) => new(Filled(x), Agreement.Unset(x.Device, [channels]), Agreement.Unset(x.Device, [channels]), Filled(x));

    private static Tensor Filled(Tensor x) => Agreement.Unset(x.Device, x.Shape).ToLayout(x.Layout);

    private static Tensor Images(Device device, Shape shape, int seed) => Agreement.Normal(device, shape, seed, mean: 0.5).ToLayout(Layout.ChannelsLast);

    private static Tensor Weight(Device device, Window2d g) => Agreement.Normal(device, [g.OutChannels, g.InChannels, 3, 3], 7, std: 0.2);
}
