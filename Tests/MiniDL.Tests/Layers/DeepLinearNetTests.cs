using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class DeepLinearNetTests
{
    [Theory]
    [InlineData("none", 25 * 100)]
    [InlineData("bn", 25 * 100 + 24 * 20)]
    public void Has_25_layers_of_10_by_10_and_a_norm_between_two(string norm, int parameters)
    {
        var net = new DeepLinearNet(NormFactory.Named(norm), new RandomStream(0));
        Assert.Equal((25, 24), (net.Layers.Count, net.Norms.Count));
        Assert.Equal(parameters, net.ParameterCount);
    }

    [Fact]
    public void Without_norms_it_is_the_product_of_its_matrices()
    {
        var net = new DeepLinearNet(NormFactory.Named("none"), new RandomStream(1), depth: 4, features: 3);
        net.To(Device.Reference);
        double[] x = [1, -2, 0.5], y = x;
        foreach (var (_, weight) in net.NamedParameters())
        {
            double[] w = weight.Value.ToArray<double>(), input = y;
            y = [.. Enumerable.Range(0, 3).Select(row => Enumerable.Range(0, 3).Sum(column => w[3 * row + column] * input[column]))];
        }
        double[] output = net.Forward(Tensor.From(x, [1, 3], Device.Reference)).ToArray<double>();
        foreach (var (expected, actual) in y.Zip(output)) Assert.Equal(expected, actual, 1e-12);
    }

    [Fact]
    public void Starts_Glorot_normal()
    {
        double[] weights = [.. new DeepLinearNet(NormFactory.Named("bn"), new RandomStream(2)).Layers
            .SelectMany(layer => ((Linear)layer).Weight.Value.ToArray<double>())];
        Assert.Equal(0.1, weights.Average(w => w * w), 0.01);
    }

    [Fact]
    public void A_depth_below_one_is_an_error() =>
        Assert.Equal("[deep_linear_net] depth 0 must be at least 1.", Assert.Throws<MiniDLException>(
            () => new DeepLinearNet(NormFactory.Named("none"), new RandomStream(0), depth: 0)).Message);
}
