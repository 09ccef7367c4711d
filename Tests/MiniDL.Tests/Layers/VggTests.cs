using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class VggTests
{
    private static Vgg Make(string norm, int depth = 13, Shape? input = null, double width = 0.125) =>
        new(depth, NormFactory.Named(norm), new RandomStream(1), input, width: width);

    /// <summary>Depth 11 as published reimplementations count it; depth 13 has two convolutions more, 64→64 and 128→128.</summary>
    [Theory]
    [InlineData(11, "bn", 9_758_474)]
    [InlineData(13, "none", 9_750_922 + (9 * 64 * 64 + 64) + (9 * 128 * 128 + 128))]
    public void Has_the_known_number_of_parameters(int depth, string norm, int parameters) =>
        Assert.Equal(parameters, Make(norm, depth, width: 1).ParameterCount);

    [Fact]
    public void State_lists_the_layers_in_their_order_and_then_the_norms()
    {
        var net = Make("bn");
        var keys = net.StateDict().Keys.ToArray();
        Assert.Equal(["layers.0.weight", "layers.0.bias", "layers.1.weight"], keys[..3]);
        Assert.Equal("norms.0.weight", keys[2 * 13]);
        Assert.Equal((13, 12), (net.Layers.Count, net.Norms.Count));
        Assert.Equal(10, net.Layers.OfType<Conv2d>().Count());
    }

    [Fact]
    public void Starts_Glorot_normal_with_zero_biases()
    {
        var state = Make("none", width: 0.5).StateDict();
        foreach (var (key, value) in state)
        {
            if (key.EndsWith("bias", StringComparison.Ordinal)) Assert.All(value.ToArray(), b => Assert.Equal(0, b));
            else if (value.Count > 5000)
            {
                var (fanIn, fanOut) = Init.Fans(value.Shape);
                double second = value.ToArray<double>().Average(w => w * w);
                Assert.Equal(1, second * (fanIn + fanOut) / 2, 0.05);
            }
        }
    }

    [Fact]
    public void Norms_stand_between_the_layers_and_their_ReLU()
    {
        var net = Make("bn");
        var seen = new List<(double Mean, double Variance, bool Negative)>();
        foreach (var norm in net.Norms)
            norm.OnForward((_, _, y) =>
            {
                double[] values = y.ToArray<double>();
                double mean = values.Average();
                seen.Add((mean, values.Average(v => (v - mean) * (v - mean)), values.Min() < 0));
                return null;
            });
        net.Forward(Tensor.Normal([8, 3, 32, 32], new RandomStream(2)));
        Assert.Equal(12, seen.Count);
        Assert.All(seen, s => Assert.Equal(0, s.Mean, 1e-4));
        Assert.All(seen, s => Assert.Equal(1, s.Variance, 0.1));
        Assert.All(seen, s => Assert.True(s.Negative));
    }

    /// <summary>Pooling stops at one pixel; what is left goes into the first linear layer.</summary>
    [Theory]
    [InlineData(16, 64)]
    [InlineData(28, 64)]
    [InlineData(32, 64)]
    [InlineData(64, 4 * 64)]
    public void Takes_images_of_other_sizes(int size, int features)
    {
        var net = Make("bn", input: [1, size, size]);
        Assert.Equal([64, features], ((Linear)net.Layers[10]).Weight.Shape.Sizes);
        Assert.Equal([2, 10], net.Forward(Tensor.Normal([2, 1, size, size], new RandomStream(2))).Shape.Sizes);
    }

    [Fact]
    public void Weight_normalization_leaves_the_last_layer_alone()
    {
        var keys = Make("wn").StateDict().Keys.ToArray();
        Assert.Equal(12, keys.Count(key => key.EndsWith("original0", StringComparison.Ordinal)));
        Assert.Contains("layers.12.weight", keys);
    }

    [Fact]
    public void All_choices_of_norm_start_from_the_same_weights() =>
        Assert.Equal(Make("none").StateDict()["layers.12.weight"].ToArray(), Make("bn").StateDict()["layers.12.weight"].ToArray());

    [Fact]
    public void What_cannot_be_made_is_an_error_of_one_line()
    {
        AssertError("[vgg] there is no net of depth 14; use 11, 13, 16, 19.", () => Make("bn", depth: 14));
        AssertError("[vgg] width 0.001 leaves no channels; use 1/64 or more.", () => Make("bn", width: 0.001));
        AssertError("[vgg] input [3072] should be the shape of an image, [C, H, W].", () => Make("bn", input: [3072]));
        AssertError("[norm] in normalizes over the pixels of images, and features [N, C] have none. "
            + "Use bn, gn, ln, rms or wn for linear layers.", () => Make("in"));
    }

    private static void AssertError(string message, Func<object> make) =>
        Assert.Equal(message, Assert.ThrowsAny<MiniDLException>(make).Message);
}
