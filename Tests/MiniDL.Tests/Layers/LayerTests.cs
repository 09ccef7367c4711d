using MiniDL.Layers;

namespace MiniDL.Tests.Layers;

/// <summary>Layers hand their settings to the operators, whose values are tested with them.</summary>
public class LayerTests
{
    [Fact]
    public void Convolution_takes_pairs_for_kernel_stride_and_padding()
    {
        var conv = new Conv2d(2, 3, (3, 1), stride: (2, 1), padding: (1, 0));
        Assert.Equal<Shape>([3, 2, 3, 1], conv.Weight.Shape);
        var x = NormCases.Input([2, 2, 5, 4], Device.Cpu, seed: 1);
        var y = conv.Forward(x);
        Assert.Equal<Shape>([2, 3, 3, 4], y.Shape);
        Assert.Equal(x.Conv2d(conv.Weight.Value, conv.Bias!.Value, (2, 1), (1, 0)).ToArray(), y.ToArray());
        Assert.Equal<Shape>([2, 3, 5, 4], new Conv2d(2, 3, 3, padding: 1).Forward(x).Shape);
        Assert.Equal(["weight"], new Conv2d(2, 3, 3, bias: false).StateDict().Keys);
    }

    [Fact]
    public void Pooling_strides_by_its_window_unless_told_otherwise()
    {
        var x = Tensor.From([1f, 2, 3, 4, 5, 6, 7, 8], [1, 1, 2, 4]);
        Assert.Equal([6f, 8f], new MaxPool2d(2).Forward(x).ToArray());
        Assert.Equal([3.5f, 5.5f], new AvgPool2d(2).Forward(x).ToArray());
        Assert.Equal([6f, 7f, 8f], new MaxPool2d(2, stride: 1).Forward(x).ToArray());
        Assert.Equal([1 / 2f, 5 / 2f, 4 / 2f, 5 / 2f, 13 / 2f, 8 / 2f], new AvgPool2d((1, 2), padding: (0, 1)).Forward(x).ToArray());
        Assert.Equal([4.5f], new GlobalAvgPool2d().Forward(x).ToArray());
    }

    [Fact]
    public void Activations_by_hand()
    {
        var x = Tensor.From([-2f, 0, 3], [3]);
        Assert.Equal([0f, 0, 3], new Relu().Forward(x).ToArray());
        Assert.Equal([-0.5f, 0, 3], new LeakyRelu(0.25).Forward(x).ToArray());
        Assert.Equal([-0.02f, 0, 3], new LeakyRelu().Forward(x).ToArray());
        Assert.Equal([0.11920292f, 0.5f, 0.95257413f], new Sigmoid().Forward(x).ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal([-0.9640276f, 0f, 0.9950548f], new Tanh().Forward(x).ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void Flatten_joins_from_the_given_dimension()
    {
        Assert.Equal<Shape>([2, 12], new Flatten().Forward(Tensor.Ones([2, 3, 4])).Shape);
        Assert.Equal<Shape>([24], new Flatten(0).Forward(Tensor.Ones([2, 3, 4])).Shape);
    }

    [Fact]
    public void Identity_adds_and_activates_as_its_place_asks()
    {
        var x = Tensor.From([1f, -2, 3], [3]);
        Assert.Same(x, new NoNorm().Forward(x));
        Assert.Equal([0f, 0, 1], new NoNorm().Forward(x, Tensor.From([-4f, 1, -2], [3]), Activation.Relu).ToArray());
    }

    [Fact]
    public void Dropout_keeps_the_mean_in_training_and_does_nothing_in_evaluation()
    {
        var dropout = new Dropout(0.25, new RandomStream(3));
        var x = NormCases.Leaf(Tensor.Ones([100, 100]));
        var y = dropout.Forward(x);
        double kept = y.ToArray().Count(value => value != 0) / 10_000.0;
        Assert.InRange(kept, 0.73, 0.77);
        Assert.All(y.ToArray(), value => Assert.True(value is 0 or 4f / 3));
        y.Sum().Backward();
        Assert.Equal(y.ToArray(), x.Grad!.ToArray());
        Assert.NotEqual(y.ToArray(), dropout.Forward(x).ToArray());
        Assert.Equal(y.ToArray(), new Dropout(0.25, new RandomStream(3)).Forward(x).ToArray());
        Assert.Same(x, dropout.Eval().Forward(x));
    }

    [Fact]
    public void Losses_by_hand()
    {
        // log(e⁰ + e⁰) − 0 and log(e¹ + e³) − 3.
        var logits = Tensor.From([0f, 0, 1, 3], [2, 2]);
        Assert.Equal((Math.Log(2) + Math.Log(1 + Math.Exp(-2))) / 2, Loss.CrossEntropy(logits, Tensor.From([0L, 1], [2])).Item(), 1e-6);
        Assert.Equal(13f / 2, Loss.Mse(Tensor.From([1f, 5], [2]), Tensor.From([3f, 2], [2])).Item());
    }

    [Fact]
    public void Errors_are_rows_whose_largest_logit_is_elsewhere()
    {
        var logits = Tensor.From([1f, 2, 0, 5, 5, 5, float.NaN, 9, 1, -1, -3, -2], [4, 3]);
        // The first of equal logits counts; a row with NaN is never right.
        Assert.Equal(1, Metrics.Errors(logits, Tensor.From([1L, 0, 1, 0], [4])));
        Assert.Equal(100, Metrics.ErrorPercent(logits, Tensor.From([0L, 1, 0, 2], [4])));
        Assert.Equal(25, Metrics.ErrorPercent(logits.To(Device.Reference), Tensor.From([1L, 0, 1, 0], [4]).To(Device.Reference)));
    }

    [Fact]
    public void A_perceptron_is_linear_norm_relu_and_ends_plain()
    {
        var net = new Mlp([3, 4, 2], NormFactory.Named("bn"), new RandomStream(1));
        string[] expected = ["linears.0.weight", "linears.0.bias", "linears.1.weight", "linears.1.bias", "norms.0.weight", "norms.0.bias"];
        Assert.Equal(expected, net.NamedParameters().Select(p => p.Path));
        var p = net.NamedParameters().ToDictionary(p => p.Path, p => p.Parameter.Value);
        var x = NormCases.Input([5, 3], Device.Cpu, seed: 1);
        var hidden = new BatchNorm1d(4).Forward(x.MatMul(p["linears.0.weight"].Transpose(0, 1)) + p["linears.0.bias"]).Relu();
        NormCases.AssertClose(net.Forward(x), hidden.MatMul(p["linears.1.weight"].Transpose(0, 1)) + p["linears.1.bias"], 1e-5, "output");
    }

    public static TheoryData<string, int> EveryNorm => NormCases.All;

    [Theory, MemberData(nameof(EveryNorm))]
    public void No_samples_give_no_values_and_gradients_of_zero_through_every_norm(string name, int rank)
    {
        foreach (var device in new[] { Device.Cpu, Device.Reference })
        {
            // Without running statistics an empty batch is refused, in training and in evaluation.
            if (name == "bn plain") continue;
            var norm = NormCases.Create(name, rank, device);
            norm.Eval();
            var shape = NormCases.Shape(rank).With(0, 0);
            var x = NormCases.Leaf(Tensor.Zeros(shape, device));
            var y = norm.Forward(x, activation: Activation.Relu);
            Assert.Equal(shape, y.Shape);
            y.Sum().Backward();
            Assert.Equal(shape, x.Grad!.Shape);
            Assert.All(norm.Parameters(), p => Assert.All((p.Grad ?? Tensor.Zeros([1])).ToArray(), g => Assert.Equal(0, g)));
        }
    }

    [Fact]
    public void No_samples_pass_through_every_other_layer()
    {
        var random = new RandomStream(1);
        var net = new Sequential(new Conv2d(3, 16, 3, padding: 1, random: random), new GroupNorm(4, 16), new Relu(), new MaxPool2d(2),
            new LeakyRelu(), new AvgPool2d(2), new Sigmoid(), new Dropout(0.5, random), new Tanh(), new Flatten(),
            new Linear(16 * 2 * 2, 5, random: random));
        var y = net.Forward(Tensor.Zeros([0, 3, 8, 8]));
        Assert.Equal<Shape>([0, 5], y.Shape);
        y.Sum().Backward();
        Assert.All(net.Parameters(), p => Assert.All(p.Grad!.ToArray(), g => Assert.Equal(0, g)));
        Assert.Equal<Shape>([0, 10], new ResNet(8, NormFactory.Named("bn"), random).Eval().Forward(Tensor.Zeros([0, 3, 8, 8])).Shape);
    }
}
