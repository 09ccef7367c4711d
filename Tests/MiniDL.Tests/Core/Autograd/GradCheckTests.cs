namespace MiniDL.Tests.Core;

/// <summary>The checker finds what is wrong, where it is, and lets what is right pass.</summary>
public class GradCheckTests
{
    private static Tensor Normal(params int[] sizes) => Tensor.Normal(new Shape(sizes), new RandomStream(1));

    [Fact]
    public void A_right_operator_of_a_users_own_passes()
    {
        var result = GradCheck.Run(x => new Cube(x[0], 3).Run(), Normal(3, 4));
        Assert.InRange(result.WorstError, 0, 1e-9);
        result.ShouldAgreeWithin(1e-9);
    }

    [Fact]
    public void A_slightly_wrong_gradient_fails_and_is_located()
    {
        var result = GradCheck.Run(x => x[0].Sum() * new Cube(x[1], 3.001).Run(), Normal(2), Normal(2, 3));
        Assert.Equal(1, result.Input);
        Assert.InRange(result.WorstError, 1e-4, 1e-3);
        Assert.Equal(3.001 / 3, result.Analytic / result.Numeric, 1e-8);
        string message = Assert.Throws<MiniDLException>(() => result.ShouldAgreeWithin(1e-7)).Message;
        Assert.StartsWith("[grad_check] worst error", message);
        Assert.Contains($"input 1 [2, 3], index [{result.Index / 3}, {result.Index % 3}]", message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_wrong_gradient_that_a_plain_sum_would_hide_is_found()
    {
        // Centring: the sum of x − mean(x) is 0 whatever x is, so a gradient of 0 would pass with a plain sum.
        GradCheck.Run(x => x[0] - x[0].Mean(), Normal(5)).ShouldAgreeWithin(1e-9);
        Assert.InRange(GradCheck.Run(x => new Centred(x[0]).Run(), Normal(5)).WorstError, 0.1, 2);
    }

    [Fact]
    public void Inputs_are_copied_with_their_layout_and_integers_pass_through()
    {
        var x = Normal(2, 3, 2, 2).ToLayout(Layout.ChannelsLast);
        var labels = Tensor.From([0L, 2], [2]);
        float[] before = x.ToArray();
        GradCheck.Run(inputs =>
        {
            Assert.Equal(Layout.ChannelsLast, inputs[0].Layout);
            Assert.Equal(DType.F64, inputs[0].DType);
            return inputs[0].GlobalAvgPool2d().CrossEntropy(inputs[1]);
        }, x, labels).ShouldAgreeWithin(1e-9);
        Assert.Equal(before, x.ToArray());
        Assert.False(x.RequiresGrad);
    }

    [Fact]
    public void Leaves_that_a_function_captures_can_be_checked_and_keep_their_values()
    {
        var weight = Tensor.Normal([2, 3], new RandomStream(2), device: Device.Reference);
        weight.RequiresGrad = true;
        double[] before = weight.ToArray<double>();
        var x = Tensor.Normal([4, 3], new RandomStream(3), device: Device.Reference);
        GradCheck.Of(() => x.Linear(weight).Tanh(), weight).ShouldAgreeWithin(1e-9);
        Assert.Equal(before, weight.ToArray<double>());
        Assert.Null(weight.Grad);
    }

    [Fact]
    public void A_random_function_and_a_NaN_gradient_are_refused()
    {
        var random = new RandomStream(1);
        Assert.Contains("not deterministic",
            Assert.Throws<MiniDLException>(() => GradCheck.Run(x => x[0].Dropout(0.5, random), Normal(9))).Message);
        Assert.Equal(double.PositiveInfinity, GradCheck.Run(x => x[0].Log(), Tensor.From([-1f], [1])).WorstError);
    }

    [Fact]
    public void Inputs_have_the_numbers_and_the_names_that_they_were_given()
    {
        var labels = Tensor.From([0L, 1], [2]);
        var numbered = GradCheck.Run(x => new Cube(x[1], 3.1).Run().CrossEntropy(x[0]), labels, Normal(2, 3));
        Assert.Equal((1, null), (numbered.Input, numbered.InputName));
        var named = GradCheck.Run(x => new Cube(x[1], 3.1).Run().CrossEntropy(x[0]), ("labels", labels), ("logits", Normal(2, 3)));
        Assert.Equal("logits", named.InputName);
        Assert.Contains(" at logits [2, 3], index [", named.ToString());
        Tensor a = Normal(2).To(Device.Reference), b = Normal(2).To(Device.Reference);
        (a.RequiresGrad, b.RequiresGrad) = (true, true);
        Assert.Equal("b", GradCheck.Of(() => a * new Cube(b, 3.1).Run(), ("a", a), ("b", b)).InputName);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.0004)]
    [InlineData(-0.0013)]
    [InlineData(0.0017)]
    public void A_kink_is_told_from_a_wrong_gradient(double x)
    {
        var result = GradCheck.Run(inputs => inputs[0].Relu() + inputs[0].Square(), Tensor.From([1, x, -1], [3], Device.Reference));
        Assert.Equal(1, result.Index);
        Assert.StartsWith("near a kink: ", result.Kink);
        Assert.EndsWith("move the input away from it by more than 2h, 0.002", result.Kink);
        Assert.Contains("near a kink: ", Assert.Throws<MiniDLException>(() => result.ShouldAgreeWithin(1e-8)).Message);
    }

    [Theory]
    [InlineData(3.001)]
    [InlineData(3.5)]
    [InlineData(0)]
    [InlineData(-3)]
    public void A_wrong_gradient_is_no_kink(double factor) => Assert.Null(GradCheck.Run(x => new Cube(x[0], factor).Run(), Normal(3, 4)).Kink);

    [Fact]
    public void A_right_gradient_is_no_kink() => Assert.Null(GradCheck.Run(x => x[0].Relu(), Tensor.From([1.0, -1], [2], Device.Reference)).Kink);

    private sealed class Cube(Tensor x, double factor) : Operator("cube", x)
    {
        protected override Tensor Forward() => x * x * x;

        protected override void Backward(Tensor dy, Gradients d) => d[0] = dy * x * x * factor;
    }

    private sealed class Centred(Tensor x) : Operator("centred", x)
    {
        protected override Tensor Forward() => x - x.Mean();

        protected override void Backward(Tensor dy, Gradients d) => d[0] = dy * 0;
    }
}
