using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

public class WeightNormTests
{
    [Fact]
    public void Applying_it_changes_nothing_at_first()
    {
        var conv = new Conv2d(3, 4, 3, random: new RandomStream(1));
        var x = NormCases.Input([2, 3, 5, 5], Device.Cpu, seed: 1);
        var before = conv.Forward(x);
        NormCases.AssertClose(WeightNorm.Apply(conv).Forward(x), before, 1e-6, "output");
    }

    [Fact]
    public void State_and_parameters_have_length_and_direction_in_place_of_the_weight()
    {
        var linear = WeightNorm.Apply(new Linear(6, 4));
        Assert.Equal(["bias", "parametrizations.weight.original0", "parametrizations.weight.original1"], linear.StateDict().Keys);
        Assert.Equal<Shape>([4, 1], linear.StateDict()["parametrizations.weight.original0"].Shape);
        Assert.Equal(4 + 4 + 24, linear.ParameterCount);
    }

    /// <summary>Rows 3, 4 and 5, 12 have lengths 5 and 13; columns √34 and √160; the whole √194.</summary>
    [Theory]
    [InlineData(0, new[] { 2, 1 }, new[] { 5.0, 13 })]
    [InlineData(1, new[] { 1, 2 }, new[] { 5.830951894845, 12.649110640674 })]
    [InlineData(-1, new[] { 1, 2 }, new[] { 5.830951894845, 12.649110640674 })]
    [InlineData(null, new int[0], new[] { 13.928388277184 })]
    public void The_dimension_says_which_lengths_there_are(int? dim, int[] shape, double[] lengths)
    {
        var linear = new Linear(2, 2, bias: false);
        linear.LoadStateDict(new Dictionary<string, Tensor> { ["weight"] = Tensor.From([3f, 4, 5, 12], [2, 2]) });
        WeightNorm.Apply(linear, "weight", dim);
        var g = linear.StateDict()["parametrizations.weight.original0"];
        Assert.Equal(new Shape(shape), g.Shape);
        Assert.Equal(lengths, g.ToArray<double>(), (a, b) => Math.Abs(a - b) < 1e-5);
        NormCases.AssertClose(linear.Weight.Value, Tensor.From([3f, 4, 5, 12], [2, 2]), 1e-6, "weight");
    }

    /// <summary>Salimans and Kingma 2016, eq. 3: dg = dw·v/‖v‖, dv = g/‖v‖·dw − g·dg/‖v‖²·v, which is orthogonal to v.</summary>
    [Fact]
    public void Gradients_are_those_of_the_paper()
    {
        var linear = WeightNorm.Apply(new Linear(3, 2, bias: false)).To(Device.Reference);
        var (g, v) = ((Parameter)null!, (Parameter)null!);
        foreach (var (path, parameter) in linear.NamedParameters())
            if (path.EndsWith('0')) g = parameter;
            else v = parameter;
        Init.Normal(g, new RandomStream(8));
        var x = NormCases.Input([5, 3], Device.Reference, seed: 1);
        var cotangent = NormCases.Input([5, 2], Device.Reference, seed: 2);
        linear.Forward(x).Backward(cotangent);

        double[] dw = cotangent.Transpose(0, 1).MatMul(x).ToArray<double>(), length = g.Value.ToArray<double>(),
            w = v.Value.ToArray<double>();
        double[] dg = g.Grad!.ToArray<double>(), dv = v.Grad!.ToArray<double>();
        for (int row = 0; row < 2; row++)
        {
            int[] places = [.. Enumerable.Range(3 * row, 3)];
            double norm = Math.Sqrt(places.Sum(i => w[i] * w[i])), expected = places.Sum(i => dw[i] * w[i]) / norm;
            Assert.Equal(expected, dg[row], 1e-12);
            foreach (int i in places)
                Assert.Equal(length[row] / norm * dw[i] - length[row] * expected / (norm * norm) * w[i], dv[i], 1e-12);
            Assert.Equal(0, places.Sum(i => dv[i] * w[i]), 1e-12);
        }
    }

    [Fact]
    public void Older_names_are_accepted_when_loading()
    {
        var source = WeightNorm.Apply(new Linear(3, 2, random: new RandomStream(1)));
        var state = source.StateDict();
        var legacy = new Dictionary<string, Tensor>
        {
            ["1.bias"] = state["bias"],
            ["1.weight_g"] = state["parametrizations.weight.original0"],
            ["1.weight_v"] = state["parametrizations.weight.original1"],
        };
        var target = WeightNorm.Apply(new Linear(3, 2, random: new RandomStream(2)));
        new Sequential(new Relu(), target).LoadStateDict(legacy);
        Assert.Equal(source.Weight.Value.ToArray(), target.Weight.Value.ToArray());
    }

    [Fact]
    public void Removing_it_leaves_a_plain_weight_with_the_same_value()
    {
        var linear = WeightNorm.Apply(new Linear(3, 2, random: new RandomStream(1)));
        var weight = linear.Weight.Value.ToArray();
        WeightNorm.Remove(linear);
        Assert.Equal(["weight", "bias"], linear.StateDict().Keys);
        Assert.Equal(weight, linear.Weight.Value.ToArray());
        linear.Forward(Tensor.Ones([1, 3])).Sum().Backward();
        Assert.Equal([1f, 1, 1, 1, 1, 1], linear.Weight.Grad!.ToArray());
    }

    [Fact]
    public void What_cannot_be_normalized_is_an_error_of_one_line()
    {
        string Message(Action action) => Assert.ThrowsAny<MiniDLException>(action).Message;
        Assert.Contains("has no parameter 'weight'", Message(() => WeightNorm.Apply(new Relu())));
        Assert.Contains("has no parameter 'weight'", Message(() => WeightNorm.Apply(WeightNorm.Apply(new Linear(2, 2)))));
        Assert.Contains("dimension 2 does not exist", Message(() => WeightNorm.Apply(new Linear(2, 2), dim: 2)));
        Assert.Contains("no parameter 'weight' computed by WeightNorm", Message(() => WeightNorm.Remove(new Linear(2, 2))));
    }

    [Fact]
    public void A_vector_has_a_length_for_each_value()
    {
        var norm = WeightNorm.Apply(new LayerNorm([3]));
        Init.Normal(norm.Parameters().First(), new RandomStream(0));
        Assert.Equal<Shape>([3], norm.StateDict()["parametrizations.weight.original0"].Shape);
        NormCases.AssertClose(norm.Weight!.Value, norm.StateDict()["parametrizations.weight.original0"], 1e-6, "weight");
    }
}
