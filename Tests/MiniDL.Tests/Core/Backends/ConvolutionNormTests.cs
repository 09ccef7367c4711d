using MiniDL.Layers;
using MiniDL.Tests.Layers;

namespace MiniDL.Tests.Core.Backends;

/// <summary>
/// In evaluation a norm normalizes images as they come out of the convolution: the same values as the two modules one after the
/// other, by plain operators in double precision.
/// </summary>
public class ConvolutionNormTests
{
    /// <summary>Batch, channels in and out, height, width, stride: around the edges of Winograd's tiles, blocks and units of images.</summary>
    public static TheoryData<string, int, int, int, int, int, int> Cases()
    {
        var cases = new TheoryData<string, int, int, int, int, int, int>();
        foreach (string norm in new[] { "bn", "gn", "ln", "in", "ghost", "brn" })
            foreach (var (n, c, k, h, w, stride) in new[]
            {
                (1, 16, 16, 8, 8, 1), (2, 16, 16, 8, 8, 1), (3, 16, 32, 8, 8, 1), (9, 16, 16, 8, 8, 1), (5, 16, 16, 9, 13, 1), (2, 32, 16, 32, 32, 1),
                (4, 3, 16, 11, 7, 1), (3, 16, 32, 15, 16, 2), (2, 5, 8, 40, 40, 1), (2, 16, 8, 3, 3, 2), (2, 16, 16, 2, 1, 2), (2, 16, 16, 48, 46, 1),
            })
                cases.Add(norm, n, c, k, h, w, stride);
        return cases;
    }

    [Theory, MemberData(nameof(Cases))]
    public void Together_they_are_one_after_the_other(string norm, int n, int c, int k, int h, int w, int stride)
    {
        if (norm == "in" && (h, w) == (2, 1)) return; // one output pixel has no variance of its own
        foreach (bool residual in new[] { false, true })
            foreach (var activation in new[] { Activation.None, Activation.Relu })
            {
                var expected = Run(Device.Reference, together: false);
                NormCases.AssertClose(Run(Device.Cpu, together: true), expected, 2e-5, $"residual {residual}, {activation}");
                NormCases.AssertClose(Run(Device.Reference, together: true), expected, 1e-10, $"reference, residual {residual}, {activation}");

                Tensor Run(Device device, bool together)
                {
                    using var noGrad = new NoGrad();
                    var random = new RandomStream(7);
                    var (conv, layer) = (Layer(device, norm, c, k, stride, random), Norm(device, norm, k));
                    layer.Fused = together;
                    var x = NormCases.Input([n, c, h, w], device, seed: 1);
                    Shape output = [n, k, (h - 1) / stride + 1, (w - 1) / stride + 1];
                    var added = residual ? NormCases.Input(output, device, seed: 2) : null;
                    return together ? new ConvNorm(conv, layer).Forward(x, added, activation) : layer.Forward(conv.Forward(x), added, activation);
                }
            }
    }

    /// <summary>
    /// An evaluation may use the transformed weights of the one before, but only of the same weights, whoever has changed them: a span that was
    /// handed out long before leaves no other trace.
    /// </summary>
    [Theory]
    [InlineData("bn")]
    [InlineData("gn")]
    public void Changed_weights_and_statistics_are_seen_by_the_next_evaluation(string norm)
    {
        var random = new RandomStream(7);
        var (conv, layer) = (Layer(Device.Cpu, norm, 16, 32, 1, random), Norm(Device.Cpu, norm, 32));
        var x = NormCases.Input([2, 16, 8, 8], Device.Cpu, seed: 1);
        var weights = conv.Weight.Value.MutableSpan();
        var scales = layer.Parameters().First().Value.MutableSpan();
        using var noGrad = new NoGrad();
        var first = Forward();
        Assert.Equal(first, Forward());
        weights[5] += 1;
        var second = Forward();
        Assert.NotEqual(first, second);
        NormCases.AssertClose(Tensor.From(second, [second.Length]), Tensor.From(Exact(), [second.Length]).To(Device.Reference), 2e-5, norm);
        scales[3] += 1;
        NormCases.AssertClose(Tensor.From(Forward(), [second.Length]), Tensor.From(Exact(), [second.Length]).To(Device.Reference), 2e-5, norm);

        float[] Forward() => new ConvNorm(conv, layer).Forward(x).ToArray();
        float[] Exact() => layer.Forward(conv.Forward(x)).ToArray();
    }

    [Fact]
    public void It_is_one_operator_where_nothing_is_recorded_and_two_where_something_is()
    {
        var random = new RandomStream(0);
        var (conv, norm) = (Layer(Device.Cpu, "gn", 3, 16, 1, random), Norm(Device.Cpu, "gn", 16));
        var x = NormCases.Input([2, 3, 8, 8], Device.Cpu, seed: 1);
        Assert.Equal("normalize", new ConvNorm(conv, norm).Forward(x).Origin);
        using var noGrad = new NoGrad();
        Assert.Equal("conv2d_normalize", new ConvNorm(conv, norm).Forward(x).Origin);
        norm.Train();
        Assert.Equal("normalize", new ConvNorm(conv, norm).Forward(x).Origin);
        norm.Eval();
        using (conv.OnForward((_, _, _) => null)) Assert.Equal("normalize", new ConvNorm(conv, norm).Forward(x).Origin);
        Assert.Equal("conv2d_normalize", new ConvNorm(conv, norm).Forward(x).Origin);
    }

    [Fact]
    public void Errors_name_the_module_whose_input_does_not_fit()
    {
        using var noGrad = new NoGrad();
        var random = new RandomStream(0);
        var net = new ResNet(8, NormFactory.Named("bn"), random).Eval();
        var e = Assert.Throws<ShapeException>(() => net.Forward(Tensor.Zeros([2, 4, 32, 32])));
        Assert.StartsWith("[conv2d] conv: input [2, 4, 32, 32] has 4 channels", e.Message);
    }

    private static Conv2d Layer(Device device, string norm, int c, int k, int stride, RandomStream random) =>
        (Conv2d)new Conv2d(c, k, 3, stride, padding: 1, bias: norm == "gn", random).To(device);

    private static Norm Norm(Device device, string name, int channels) =>
        (Norm)NormCases.Randomized(NormFactory.Named(name, groups: 4).Create(channels), device).Eval();
}
