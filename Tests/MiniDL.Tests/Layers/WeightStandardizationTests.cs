using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class WeightStandardizationTests
{
    /// <summary>Rows 1, 2, 6: mean 3, unbiased variance (4 + 1 + 9) / 2; and 0, 0, 3: mean 1, variance 3.</summary>
    [Fact]
    public void Each_output_is_centred_and_divided_by_its_unbiased_deviation()
    {
        var linear = new Linear(3, 2, bias: false);
        linear.LoadStateDict(new Dictionary<string, Tensor> { ["weight"] = Tensor.From([1f, 2, 6, 0, 0, 3], [2, 3]) });
        WeightStandardization.Apply(linear, eps: 0.5);
        double a = Math.Sqrt(7) + 0.5, b = Math.Sqrt(3) + 0.5;
        Assert.Equal([-2 / a, -1 / a, 3 / a, -1 / b, -1 / b, 2 / b], linear.Weight.Value.ToArray<double>(),
            (x, y) => Math.Abs(x - y) < 1e-6);
    }

    [Fact]
    public void Every_filter_of_a_net_is_standardized_and_the_classifier_is_not()
    {
        var net = new ResNet(8, NormFactory.Named("ws"), new RandomStream(1));
        Conv2d[] convolutions = [.. net.NamedModules().Select(m => m.Module).OfType<Conv2d>()];
        Assert.Equal(7, convolutions.Length);
        foreach (var conv in convolutions)
        {
            var weight = conv.Weight.Value.To(Device.Reference);
            int n = weight.Count / weight.Shape[0];
            Assert.All(weight.Mean([1, 2, 3]).ToArray<double>(), mean => Assert.Equal(0, mean, 1e-6));
            Assert.All(weight.Square().Sum([1, 2, 3]).ToArray<double>(), squares => Assert.Equal(1, squares / (n - 1), 1e-3));
        }
        Assert.Contains("fc.weight", net.StateDict().Keys);
    }

    [Fact]
    public void State_has_the_original_weight_and_takes_a_plain_one()
    {
        var conv = WeightStandardization.Apply(new Conv2d(2, 3, 3, random: new RandomStream(1)));
        Assert.Equal(["bias", "parametrizations.weight.original"], conv.StateDict().Keys);
        var plain = new Conv2d(2, 3, 3, random: new RandomStream(2));
        conv.LoadStateDict(plain.StateDict());
        Assert.Equal(plain.Weight.Value.ToArray(), conv.StateDict()["parametrizations.weight.original"].ToArray());
    }

    [Fact]
    public void What_cannot_be_standardized_is_an_error_of_one_line()
    {
        string Message(Action action) => Assert.ThrowsAny<MiniDLException>(action).Message;
        Assert.Contains("has no parameter 'weight'", Message(() => WeightStandardization.Apply(new Relu())));
        Assert.Contains("has no parameter 'weight'", Message(() => WeightStandardization.Apply(WeightNorm.Apply(new Linear(2, 2)))));
        Assert.Equal("[weight_standardization] weight [2, 1] should be [out, in, …kernel] with more than one weight for each output.",
            Message(() => WeightStandardization.Apply(new Linear(1, 2))));
        Assert.Contains("eps -1 must not be negative", Message(() => WeightStandardization.Apply(new Linear(2, 2), eps: -1)));
    }
}
